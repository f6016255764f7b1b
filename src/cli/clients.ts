import { parseIpv4 } from '../checked.ts';
import { EXIT } from '../errors.ts';
import type { Decision } from '../decide.ts';
import { preview } from '../reconcile.ts';
import { macsOf, placeOf } from './client-place.ts';
import { columns } from './columns.ts';
import { worldFor, type Common, type Context } from './context.ts';

/** One client as `clients --json` prints it. */
interface Row {
  readonly client: string;
  /** Its next connection's link; null if that is chosen anew. */
  readonly link: string | null;
  /** The link it is bound to. */
  readonly home: string | null;
  readonly why: string;
}

/** `wanhook clients`: who is where and why. */
export async function clients(context: Context, common: Common, json: boolean): Promise<number> {
  const world = worldFor(context, common);
  const report = await preview(world, { lenient: true });
  const rows = rowsOf(report, await macsOf(world.kernel, report.config));
  if (json) context.out(`${JSON.stringify(rows, null, 2)}\n`);
  else if (report.config.balance !== 'client') context.out('clients are not bound to links: see BALANCE=client\n');
  else if (rows.length === 0) context.out('no client has spoken yet\n');
  else {
    const lines = rows.map(({ client, link, home, why }) => [client, link ?? '-', home ?? '-', why]);
    context.out(columns([['CLIENT', 'LINK', 'HOME', 'WHY'], ...lines]));
  }
  return EXIT.done;
}

function rowsOf(report: Decision, macs: ReadonlyMap<string, string>): Row[] {
  const { bindings } = report;
  return [...new Set([...bindings.client.keys(), ...bindings.away.keys()])]
    .toSorted((a, b) => (parseIpv4(a) ?? 0) - (parseIpv4(b) ?? 0))
    .map((client) => {
      const { link, home, why } = placeOf(report, client, macs.get(client));
      return { client, link: link?.name ?? null, home: home ?? null, why };
    });
}
