/** Options of pppd(8) and its plugins that take a word, which must not be taken for an option itself. */
const WITH_WORD = new Set(
  (
    'user password name remotename domain connect disconnect init welcome ipparam linkname ifname plugin pty unit mtu mru ' +
    'holdoff maxfail idle maxconnect lcp-echo-interval lcp-echo-failure lcp-max-configure lcp-restart call file logfile ' +
    'ms-dns ms-wins ipcp-restart ipcp-max-configure child-timeout connect-delay active-filter pass-filter bsdcomp ' +
    'deflate escape asyncmap rp_pppoe_service rp_pppoe_ac rp_pppoe_sess pppoe-service pppoe-ac pppoe-mac host-uniq ' +
    'pptp_server pptp_client pptp_phone pppol2tp set defaultroute-metric'
  ).split(' '),
);

/** Longer is no options file, and it takes long to read. */
const MOST = 65_536;

export interface PppOption {
  readonly line: number;
  readonly option: string;
  /** Never a password: that is nobody's business. */
  readonly value?: string;
}

/** A peers or options file, as pppd's options.c reads words: quotes, backslashes, and # to the end of the line. */
export function pppOptions(text: string): PppOption[] {
  const words = wordsOf(text.slice(0, MOST));
  const found: PppOption[] = [];
  for (let at = 0; at < words.length; at++) {
    const { line, word } = words[at] as Word;
    if (!WITH_WORD.has(word)) {
      found.push({ line, option: word });
      continue;
    }
    const value = word === 'password' ? undefined : words[at + 1]?.word;
    found.push({ line, option: word, ...(value !== undefined && { value }) });
    at++;
  }
  return found;
}

interface Word {
  readonly line: number;
  readonly word: string;
}

function wordsOf(text: string): Word[] {
  const found = text.matchAll(/#[^\n]*|"((?:[^"\\]|\\[^])*)"|'([^']*)'|((?:[^\s"'\\#]|\\[^])(?:[^\s"'\\]|\\[^])*)/g);
  let [line, seen] = [1, 0];
  return [...found].flatMap(({ index, 1: double, 2: single, 3: bare }) => {
    line += text.slice(seen, index).split('\n').length - 1;
    seen = index;
    const word = double ?? single ?? bare;
    return word === undefined ? [] : [{ line, word: word.replaceAll(/\\([^])/g, '$1') }];
  });
}

/** pppd reads a peers file of any name; what editors and packagers leave behind, nobody calls. */
export const isCopy = (name: string) => /^\.|~$|\.(?:bak|save|orig|old|dpkg-\w+|rpm\w+)$|^README/.test(name);
