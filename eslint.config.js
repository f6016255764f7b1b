import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/**
 * Imports run one way (README, "Decisions"). For each folder or file under src/: what it may import.
 * Everything may import model.ts and errors.ts, and files of its own folder.
 */
const MAY_IMPORT = {
  'src/model.ts': [],
  'src/model/**': [],
  'src/errors.ts': [],
  'src/checked.ts': [],
  'src/ipv6.ts': ['checked'],
  'src/ppp-options.ts': [],
  'src/json.ts': [],
  'src/forwarding.ts': [],
  'src/liveness.ts': [],
  'src/start-time.ts': [],
  'src/trusted.ts': [],
  'src/config/**': ['checked', 'ipv6', 'trusted'],
  'src/events/**': ['checked', 'ipv6'],
  'src/state/**': ['checked', 'forwarding', 'ipv6', 'json', 'liveness', 'start-time', 'trusted', 'config', 'events'],
  'src/survey/**': ['checked', 'ppp-options'],
  'src/desired/**': ['checked', 'ipv6', 'liveness'],
  'src/plan.ts': ['forwarding', 'kernel'],
  'src/kernel/**': ['checked', 'forwarding', 'ipv6', 'start-time'],
  'src/lock.ts': ['start-time'],
  'src/log.ts': ['kernel'],
  'src/journal.ts': [],
  'src/refusals.ts': ['desired', 'kernel'],
  'src/decide.ts': ['ipv6', 'config', 'events', 'state', 'desired', 'plan', 'kernel'],
  'src/tell.ts': ['decide', 'desired', 'state'],
  'src/world.ts': ['config', 'decide', 'state', 'tell'],
  'src/choose-config.ts': ['config', 'state', 'world'],
  'src/glance.ts': ['decide', 'kernel', 'state', 'world'],
  'src/settle.ts': ['decide', 'kernel', 'refusals', 'state', 'world'],
  'src/reconcile.ts': [
    'choose-config',
    'decide',
    'desired',
    'glance',
    'journal',
    'kernel',
    'settle',
    'state',
    'tell',
    'world',
  ],
  'src/monitor/**': [
    'checked',
    'ipv6',
    'config',
    'state',
    'desired',
    'plan',
    'kernel',
    'lock',
    'journal',
    'log',
    'reconcile',
    'decide',
  ],
  'src/doctor/**': ['checked', 'json', 'ppp-options', 'desired', 'kernel', 'decide'],
  'src/cli/**': [
    'doctor',
    'survey',
    'monitor',
    'checked',
    'ipv6',
    'json',
    'liveness',
    'config',
    'events',
    'state',
    'desired',
    'plan',
    'kernel',
    'journal',
    'log',
    'reconcile',
    'decide',
  ],
  'src/early-look.ts': ['kernel', 'reconcile'],
  'src/main/**': [
    'start-time',
    'early-look',
    'nothing-new',
    'cli',
    'config',
    'events',
    'state',
    'kernel',
    'journal',
    'log',
    'lock',
    'reconcile',
  ],
  'hooks/**': ['main', 'events', 'kernel', 'state'],
};
const PLACES = [...new Set(Object.values(MAY_IMPORT).flat())];

/** Packages and effects that have one door. */
const ONE_DOOR = [
  { name: 'node:child_process', only: 'src/kernel/processes.ts' },
  { name: 'execa', only: 'src/kernel/execa-runner.ts' },
  { name: 'proper-lockfile', only: 'src/lock.ts' },
  { name: 'dotenv', only: 'src/config/dotenv.ts' },
  { name: 'commander', only: 'src/cli/program.ts' },
];

const direction = Object.entries(MAY_IMPORT).map(([files, allowed]) => {
  const own = files
    .replace(/^src\//, '')
    .replace(/\/?\*?\*?$/, '')
    .replace(/\.ts$/, '');
  const forbidden = PLACES.filter(
    (place) => place !== own && !allowed.some((a) => a === place || place.startsWith(`${a}/`)),
  );
  return {
    files: [files],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: ONE_DOOR.filter((d) => d.only !== files && !files.endsWith('**')).map((d) => ({
            name: d.name,
            message: `only ${d.only} imports it`,
          })),
          patterns: forbidden
            .filter((place) => !allowed.includes(place.split('/')[0]))
            .map((place) => ({
              regex: `^\\.{1,2}/(?:\\.\\./)*(?:src/)?${place}(?:/|\\.ts$)`,
              message: `${files} must not import ${place}: imports run one way`,
            })),
        },
      ],
    },
  };
});

const doors = [
  {
    files: ['src/**/*.ts', 'hooks/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: "MemberExpression[object.name='process'][property.name='exit']",
          message: 'only main/ exits: set an exit code by returning it',
        },
        {
          selector: "MemberExpression[object.name='process'][property.name=/^(env|argv)$/]",
          message: 'only main/ reads the environment and the arguments',
        },
        ...ONE_DOOR.map((d) => ({
          selector: `ImportDeclaration[source.value='${d.name}'][importKind!='type'], ImportExpression[source.value='${d.name}']`,
          message: `only ${d.only} imports ${d.name}`,
        })),
      ],
    },
  },
  { files: ['src/main/*.ts'], rules: { 'no-restricted-syntax': 'off' } },
  { files: ONE_DOOR.map((d) => d.only), rules: { 'no-restricted-syntax': 'off' } },
];

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'docs/'] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'no-console': 'error',
    },
  },
  ...direction,
  ...doors,
  {
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off', 'no-console': 'off' },
  },
  {
    files: ['src/lean/*.cjs'],
    languageOptions: {
      globals: {
        module: 'writable',
        exports: 'writable',
        process: 'readonly',
        require: 'readonly',
        __dirname: 'readonly',
        Buffer: 'readonly',
      },
    },
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  { files: ['**/*.js', '**/*.cjs'], extends: [tseslint.configs.disableTypeChecked] },
);
