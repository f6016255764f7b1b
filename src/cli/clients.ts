import { fixedFor, linkOf } from '../desired/clients.ts';
import { sharingLinks } from '../desired/routing.ts';
import { parseIpv4 } from '../checked.ts';
import { EXIT } from '../errors.ts';
import type { Decision } from '../decide.ts';
import { preview } from '../reconcile.ts';
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
  const report = await preview(worldFor(context, common), { lenient: true });
  const rows = rowsOf(report);
  if (json) context.out(`${JSON.stringify(rows, null, 2)}\n`);
  else if (report.config.balance !== 'client') context.out('clients are not bound to links: see BALANCE=client\n');
  else if (rows.length === 0) context.out('no client has spoken yet\n');
  else {
    const lines = rows.map(({ client, link, home, why }) => [client, link ?? '-', home ?? '-', why]);
    context.out(columns([['CLIENT', 'LINK', 'HOME', 'WHY'], ...lines]));
  }
  return EXIT.done;
}

function rowsOf({ config, statuses, bindings }: Decision): Row[] {
  const sharing = sharingLinks(statuses).map(({ link }) => link.id);
  const nameOf = (id: number | undefined) => config.links.find((link) => link.id === id)?.name;
  const upNames = new Set(statuses.flatMap(({ up, link }) => (up ? [link.name] : [])));
  const addresses = [...new Set([...bindings.client.keys(), ...bindings.away.keys()])];
  return addresses
    .toSorted((a, b) => (parseIpv4(a) ?? 0) - (parseIpv4(b) ?? 0))
    .map((client) => {
      const home = nameOf(bindings.client.get(client));
      const fixed = fixedFor(config.clients, client);
      if (fixed !== undefined && upNames.has(fixed.link)) {
        return { client, link: fixed.link, home: fixed.link, why: `fixed by clients/${fixed.name}.env` };
      }
      const link = nameOf(linkOf(config, bindings, client, new Set(sharing)));
      const missing = fixed?.link ?? home ?? 'its link';
      const why =
        link === undefined
          ? `${missing} takes no connections: its next one chooses`
          : fixed === undefined && link === home
            ? 'had the fewest clients for its weight'
            : upNames.has(missing)
              ? `was sent away from ${missing} while that was down`
              : `${missing} takes no connections`;
      return { client, link: link ?? null, home: fixed?.link ?? home ?? null, why };
    });
}
