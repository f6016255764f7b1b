/** What `explain --json` prints. */
export interface Answer {
  readonly from: string | null;
  /** `lo`: the router itself. */
  readonly iif: string;
  readonly to: string;
  /**
   * What decides: a running connection's memory, a rule, a remembered pair, a client's assignment, a link's address it is
   * bound to, the balance, or a route of somebody else's.
   */
  readonly by: 'memory' | 'rule' | 'pin' | 'client' | 'source' | 'balance' | 'main';
  readonly rule: string | null;
  readonly why: string;
  readonly verdict: 'link' | 'balance' | 'local' | 'refused' | 'unreachable';
  /** The link, or those that share with their percentages; empty: none of ours. */
  readonly links: readonly { readonly name: string; readonly share: number }[];
  readonly mark: string | null;
  readonly table: string | null;
  /** As the kernel holds it now. */
  readonly route: string | null;
}

/** For people: a line a fact, those that do not apply left out. */
export function text(answer: Answer): string {
  const links = answer.links
    .map(({ name, share }) => (answer.links.length === 1 ? name : `${name} ${share}%`))
    .join(', ');
  const rows: [string, string | null][] = [
    [
      'from',
      answer.iif === 'lo'
        ? `this router${answer.from === null ? '' : ` (${answer.from})`}`
        : `${answer.from ?? ''} by ${answer.iif}`,
    ],
    ['to', answer.to],
    ['decides', `${answer.rule === null ? answer.by : `rule ${answer.rule}`}: ${answer.why}`],
    ['mark', answer.mark],
    ['table', answer.table],
    ['route', answer.route],
    ['link', links === '' ? answer.verdict : links],
  ];
  return rows.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(8)} ${value}\n`])).join('');
}
