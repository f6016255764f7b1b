/** Plain horizontal bars, one chart below the other; readable on light and on dark ground. Pure text. */

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Behind the bar; default: the value. */
  readonly text?: string;
  /** wanhook's, or somebody else's. */
  readonly ours: boolean;
}
export interface Chart {
  readonly title: string;
  readonly bars: readonly Bar[];
  /** A mark across the bars: a target. */
  readonly line?: number;
}

const WIDTH = 760;
const LEFT = 250;
const RIGHT = 130;
const ROW = 20;
const HEAD = 34;
const GAP = 14;

/** The ground is whatever the page has: colours in between for the bars, and text that follows the reader's scheme. */
const STYLE = `text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 13px }
.ours { fill: #2f81f7 }
.other { fill: #9a8a6b }
.line { stroke: #d1242f; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .line { stroke: #ff7b72 } }`;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string) => text.replace(/[&<>"]/g, (char) => ENTITIES[char]!);

function barSvg({ label, value, text, ours }: Bar, y: number, perUnit: number): string {
  const width = Math.max(1, value * perUnit).toFixed(1);
  return [
    `<text x="${LEFT - 8}" y="${y + 14}" text-anchor="end">${escaped(label)}</text>`,
    `<rect class="${ours ? 'ours' : 'other'}" x="${LEFT}" y="${y + 3}" width="${width}" height="${ROW - 6}" rx="2"/>`,
    `<text x="${(LEFT + Number(width) + 6).toFixed(1)}" y="${y + 14}">${escaped(text ?? String(value))}</text>`,
  ].join('\n');
}

function chartSvg({ title, bars, line }: Chart, top: number): string {
  const longest = Math.max(...bars.map(({ value }) => value), line ?? 0, 1e-9);
  const perUnit = (WIDTH - LEFT - RIGHT) / longest;
  const parts = [`<text class="title" x="12" y="${top + 20}">${escaped(title)}</text>`];
  parts.push(...bars.map((bar, n) => barSvg(bar, top + HEAD + n * ROW, perUnit)));
  if (line !== undefined) {
    const x = (LEFT + line * perUnit).toFixed(1);
    parts.push(`<line class="line" x1="${x}" x2="${x}" y1="${top + HEAD}" y2="${top + HEAD + bars.length * ROW}"/>`);
  }
  return parts.join('\n');
}

export function svg(charts: readonly Chart[]): string {
  let top = 0;
  const parts: string[] = [];
  for (const chart of charts.filter(({ bars }) => bars.length > 0)) {
    parts.push(chartSvg(chart, top));
    top += HEAD + chart.bars.length * ROW + GAP;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" width="${WIDTH}" height="${top}" role="img">
<title>wanhook’s benchmark</title>
<style>${STYLE}</style>
${parts.join('\n')}
</svg>
`;
}
