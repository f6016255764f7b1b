import type { Argument, Command, Option } from 'commander';
import { EXIT, WanhookError } from '../errors.ts';

/**
 * Completion scripts for bash, zsh and fish, made at build from the program itself, so that they cannot fall behind. All
 * three go through the words before the cursor in the same way; what they know is a table by the path of commands.
 */

/** What may stand somewhere: a link's name, a device, any command, some fixed words, or what nobody can guess. */
type Kind = 'link' | 'device' | 'command' | 'nothing' | readonly string[];

interface Word {
  readonly word: string;
  readonly description: string;
}
/** An option with all its names. */
interface Flag extends Word {
  readonly flags: readonly string[];
  readonly value: Kind | undefined;
}
interface Place {
  /** `''`, `/status`, `/pins/flush`. */
  readonly path: string;
  readonly commands: readonly Word[];
  readonly options: readonly Flag[];
  readonly args: readonly Kind[];
  /** The last of them may come again. */
  readonly variadic: boolean;
}

/** The program's commands and options as the shells need them. */
export function placesOf(command: Command, path = ''): Place[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command).filter((each) => each.name() !== 'help');
  const options = help.visibleOptions(command).map((option) => flagOf(option));
  const { registeredArguments: args } = command;
  const here = {
    ...{ path, options, args: args.map(kindOf), variadic: args.at(-1)?.variadic === true },
    commands: commands.map((each) => ({ word: each.name(), description: each.description() })),
  };
  return [here, ...commands.flatMap((each) => placesOf(each, `${path}/${each.name()}`))];
}

function flagOf({ long, short, description, flags, required, argChoices }: Option): Flag {
  const names = [long, short].flatMap((name) => name ?? []);
  const value = required ? kindNamed(/<(\w+)>/.exec(flags)?.[1], argChoices) : undefined;
  return { word: names[0] ?? '', flags: names, description, value };
}

const kindOf = (argument: Argument): Kind => kindNamed(argument.name(), argument.argChoices);

function kindNamed(name: string | undefined, choices: readonly string[] | undefined): Kind {
  if (choices !== undefined) return choices;
  if (name === 'link' || name === 'links') return 'link';
  return name === 'device' || name === 'command' ? name : 'nothing';
}

/** `wanhook completion SHELL`, hidden: what the build writes to dist/completions. */
export function completion(shell: string, program: Command): string {
  const places = placesOf(program);
  const scripts: Readonly<Record<string, (places: readonly Place[]) => string>> = { bash, zsh, fish };
  const script = scripts[shell];
  if (script === undefined) throw new WanhookError(`no completion for ${shell}`, { exitCode: EXIT.usage });
  return script(places);
}

const HEAD = `Completion of wanhook's commands, options, links and devices. Made from the command itself by "npm run build".`;
const LINKS = '/etc/wanhook/links';

/** In single quotes, for bash and zsh. */
const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
const pathPattern = (places: readonly Place[]) => places.flatMap(({ path }) => (path === '' ? [] : [path])).join(' | ');
const kindWord = (kind: Kind | undefined) =>
  kind === undefined ? '' : typeof kind === 'string' ? kind : kind.join(' ');

/** `PATH FLAG` of every option that takes a value, by the kind of value. The program's own options come anywhere. */
function valued(places: readonly Place[]): { pattern: string; kind: Kind }[] {
  return places.flatMap(({ path, options }) =>
    options.flatMap(({ flags, value }) =>
      value === undefined ? [] : flags.map((f) => ({ pattern: `${path} ${f}`, kind: value })),
    ),
  );
}

/** The kinds of arguments as a shell's words: lists of fixed words are joined by commas. */
const argWords = ({ args }: Place) =>
  args
    .map((kind) => (typeof kind === 'string' ? kind : kind.join(',')))
    .map(quote)
    .join(' ');

function bash(places: readonly Place[]): string {
  const tables = places.map((place) => {
    const words = [...place.commands.map(({ word }) => word), ...place.options.flatMap(({ flags }) => flags)];
    return `    ${quote(place.path)}) words=${quote(words.join(' '))} args=(${argWords(place)}) again=${place.variadic ? 'yes' : ''} ;;`;
  });
  const values = valued(places).map(
    ({ pattern, kind }) => `      ${quote(pattern)}) value=${quote(kindWord(kind))} ;;`,
  );
  return `# ${HEAD}
_wanhook_kind() {
  local name
  case $1 in
    link) for name in ${LINKS}/*.env; do [ -e "$name" ] && name=\${name##*/} && echo "\${name%.env}"; done ;;
    device) for name in /sys/class/net/*; do echo "\${name##*/}"; done ;;
    command) compgen -c -- "$cur" ;;
    nothing) ;;
    *) printf '%s\\n' \${1//,/ } ;;
  esac
}
_wanhook() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path='' count=0 value='' only='' i word words args again
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $value ]]; then value=; continue; fi
    if [[ $word == -- && ! $only ]]; then only=yes; continue; fi
    if [[ $word == -* && ! $only ]]; then
      case "$path $word" in
${values.join('\n')}
      esac
      continue
    fi
    case "$path/$word" in
      ${pathPattern(places)}) path=$path/$word ;;
      *) count=$((count + 1)) ;;
    esac
    # From here on it is somebody else's command line.
    if [[ $path == /use && $count -gt 1 ]]; then
      declare -F _command_offset >/dev/null && _command_offset "$i"
      return
    fi
  done
  case $path in
${tables.join('\n')}
  esac
  if [[ $value ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_wanhook_kind "$value")" -- "$cur")
  elif [[ $cur == -* && ! $only ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
  else
    [[ $again && $count -ge \${#args[@]} ]] && count=$((\${#args[@]} - 1))
    mapfile -t COMPREPLY < <(compgen -W "\${words//-*/} $(_wanhook_kind "\${args[count]-nothing}")" -- "$cur")
  fi
}
complete -F _wanhook wanhook
`;
}

/** \`word:description\`, as _describe wants it. */
const described = ({ word, description }: Word) => quote(`${word.replaceAll(':', '\\:')}:${description}`);

function zsh(places: readonly Place[]): string {
  const tables = places.map((place) => {
    const options = place.options.flatMap((option) => option.flags.map((word) => ({ ...option, word })));
    return `    ${quote(place.path)})
      verbs=(${place.commands.map(described).join(' ')})
      flags=(${options.map(described).join(' ')})
      args=(${argWords(place)}) again=${place.variadic ? 'yes' : "''"} ;;`;
  });
  const values = valued(places).map(
    ({ pattern, kind }) => `      ${quote(pattern)}) value=${quote(kindWord(kind))} ;;`,
  );
  return `#compdef wanhook
# ${HEAD}
_wanhook_kind() {
  local -a found
  case $1 in
    link) found=(${LINKS}/*.env(N:t:r)); _describe -t links link found ;;
    device) found=(/sys/class/net/*(N:t)); _describe -t devices device found ;;
    command) _command_names -e ;;
    nothing) _message 'no completion' ;;
    *) found=(\${(s:,:)1}); _describe -t words word found ;;
  esac
}
_wanhook() {
  local path_='' value='' only='' again='' word i
  local -i count=0
  local -a verbs flags args # not "commands" and "options": those are zsh's own
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    if [[ -n $value ]]; then value=; continue; fi
    if [[ $word == -- && -z $only ]]; then only=yes; continue; fi
    if [[ $word == -* && -z $only ]]; then
      case "$path_ $word" in
${values.join('\n')}
      esac
      continue
    fi
    case "$path_/$word" in
      ${pathPattern(places)}) path_=$path_/$word ;;
      *) count+=1 ;;
    esac
    # From here on it is somebody else's command line.
    if [[ $path_ == /use && $count -gt 1 ]]; then
      shift $((i - 1)) words
      CURRENT=$((CURRENT - i + 1))
      _normal
      return
    fi
  done
  case $path_ in
${tables.join('\n')}
  esac
  if [[ -n $value ]]; then
    _wanhook_kind $value
  elif [[ $words[CURRENT] == -* && -z $only ]]; then
    _describe -o -t options option flags
  else
    [[ -n $again ]] && ((count >= $#args)) && count=$(($#args - 1))
    ((\${#verbs})) && _describe -t commands command verbs
    ((count < $#args)) && _wanhook_kind $args[count+1]
  fi
}
_wanhook "$@"
`;
}

/** In single quotes, for fish. */
const fishQuote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function fish(places: readonly Place[]): string {
  const values = valued(places).map(({ pattern }) => fishQuote(pattern));
  const lines = places.flatMap((place) => {
    const at = `-n ${fishQuote(`__wanhook_at ${place.path === '' ? '/' : place.path}`)}`;
    const say = (what: string, description = '') =>
      `complete -c wanhook ${at} ${what}${description === '' ? '' : ` -d ${fishQuote(description)}`}`;
    return [
      ...place.commands.map(({ word, description }) => say(`-a ${word}`, description)),
      ...place.options.map(({ flags, description, value }) => say(fishFlags(flags, value), description)),
      ...place.args.map((kind, n) => fishArgument(place, kind, n)),
    ].filter((line) => line !== '');
  });
  return `# ${HEAD}
function __wanhook_links
    for file in ${LINKS}/*.env
        string replace -r '.*/(.*)\\.env$' '$1' -- $file
    end
end
function __wanhook_devices
    for device in /sys/class/net/*
        string replace -r '.*/' '' -- $device
    end
end
# The path of commands before the cursor, then how many arguments follow.
function __wanhook_place
    set -l path ''
    set -l count 0
    set -l value ''
    set -l only ''
    for word in (commandline -opc)[2..-1]
        if test -n "$value"
            set value ''
        else if test -z "$only" -a x"$word" = x--
            set only yes
        else if test -z "$only"; and string match -q -- '-*' $word
            contains -- "$path $word" ${values.join(' ')}; and set value yes
        else if contains -- "$path/$word" ${places.flatMap(({ path }) => (path === '' ? [] : [path])).join(' ')}
            set path $path/$word
        else
            set count (math $count + 1)
        end
    end
    test -n "$path"; or set path /
    echo $path
    echo $count
end
function __wanhook_at
    set -l place (__wanhook_place)
    test $place[1] = $argv[1]; or return 1
    test (count $argv) = 1; and return 0
    test $place[2] -ge $argv[2] -a $place[2] -le $argv[3]
end
complete -c wanhook -f
${lines.join('\n')}
`;
}

function fishFlags(flags: readonly string[], value: Kind | undefined): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  return [...names, ...(value === undefined ? [] : ['-x', ...fishKind(value)])].join(' ');
}

function fishArgument({ path, args, variadic }: Place, kind: Kind, n: number): string {
  const last = variadic && n === args.length - 1 ? 99 : n;
  const what = fishKind(kind).join(' ');
  return what === '' ? '' : `complete -c wanhook -n ${fishQuote(`__wanhook_at ${path} ${n} ${last}`)} ${what}`;
}

function fishKind(kind: Kind): string[] {
  if (kind === 'nothing') return [];
  if (kind === 'link') return ["-a '(__wanhook_links)' -d link"];
  if (kind === 'device') return ["-a '(__wanhook_devices)' -d device"];
  if (kind === 'command') return ["-a '(__fish_complete_subcommand --fcs-skip=3)'"];
  return [`-a ${fishQuote(kind.join(' '))}`];
}
