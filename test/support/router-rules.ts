/** The user's rules and address sets in the lab's router. */
import type { Router } from './router.ts';

/** Replaces all rules (`NN-name` → keys) and sets, then applies them. */
export async function applyRules(
  router: Router,
  rules: Readonly<Record<string, string>>,
  sets: Readonly<Record<string, string>> = {},
): Promise<void> {
  const write = (file: string, text: string) => `cat >/etc/wanhook/${file} <<'KEYS'\n${text}\nKEYS\n`;
  await router.rtr.sh(
    [
      'rm -rf /etc/wanhook/rules /etc/wanhook/sets; mkdir -p /etc/wanhook/rules /etc/wanhook/sets\n',
      ...Object.entries(rules).map(([name, keys]) => write(`rules/${name}.env`, keys.replaceAll(' ', '\n'))),
      ...Object.entries(sets).map(([name, text]) => write(`sets/${name}`, text)),
    ].join(''),
  );
  await router.must('apply');
}
