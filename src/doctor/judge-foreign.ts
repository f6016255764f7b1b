import { balanceTable, pref } from '../desired/numbers.ts';
import type { Config } from '../model.ts';
import type { Facts, Finding, ForeignRule } from './facts.ts';

/** Others in our way: rules, tables, marks, sysctls, flow offload. Pure. */
export function judgeForeign(facts: Facts): Finding[] {
  const { config } = facts.configuration;
  return [...sysctls(facts), ...offload(facts), ...(config === undefined ? [] : taken(facts, config))];
}

/** The kernel takes the higher of `all` and the device's: 1 is strict, and drops what comes in by a line that is not the best. */
function sysctls({ sysctls: values, sysctlLines, routing }: Facts): Finding[] {
  const value = (device: string) => Number(values[`net/ipv4/conf/${device}/rp_filter`] ?? '0');
  const devices = (routing?.statuses ?? []).flatMap(({ device }) => device ?? []);
  const strict = [...new Set(devices)].filter((device) => Math.max(value('all'), value(device)) === 1);
  return [
    ...strict.map((device): Finding => ({
      severity: 'error',
      about: device,
      problem: 'rp_filter is strict: what comes in by a line that is not the best way back is dropped',
      mend: `wanhook apply (or sysctl -w net.ipv4.conf.${device}.rp_filter=2)`,
    })),
    ...sysctlLines
      .filter(({ value: set }) => set === '1')
      .map(({ file, line, key }): Finding => ({
        severity: 'note',
        about: `${file}:${line}`,
        problem: `${key}=1: strict again for every device that appears, until wanhook sets 2 on its own`,
        mend: `${key}=2 there`,
      })),
  ];
}

function offload({ foreign: { flowtables } }: Facts): Finding[] {
  return flowtables.map((about) => ({
    severity: 'warning',
    about: `flowtable ${about}`,
    problem:
      'offloaded connections pass by every rule: they stay on a line that has died, and ON_DOWN=block does not hold them',
    mend: `nft delete flowtable ${about} (and the "flow add" rules that use it), or leave the lines' devices out of it`,
  }));
}

function taken({ foreign }: Facts, config: Config): Finding[] {
  return [
    ...foreign.rules.flatMap((rule) => ruleFindings(rule, config)),
    ...foreign.routes.map((about): Finding => ({
      severity: 'warning',
      about,
      problem: 'a route of somebody else in a table of ours: connections of that line follow it',
      mend: 'take it away, or choose another TABLE_BASE in /etc/wanhook/wanhook.env',
    })),
    ...foreign.nexthops.map((id): Finding => ({
      severity: 'error',
      about: `nexthop ${id}`,
      problem: 'is somebody else’s, with an id that we need',
      mend: 'take it away, or choose another TABLE_BASE in /etc/wanhook/wanhook.env',
    })),
    ...foreign.marks
      .filter(({ bits }) => (bits & config.markMask) !== 0)
      .map(({ where, bits }): Finding => ({
        severity: 'warning',
        about: where,
        problem: `writes mark bits ${hex(bits & config.markMask)} of ours: connections may lose their line`,
        mend: `write only your own bits, as in "meta mark set meta mark and ${hex(config.markMask)} or 0x1"; or another MARK_MASK`,
      })),
    ...foreign.hiddenMarks.map((about): Finding => ({
      severity: 'note',
      about: `table ${about}`,
      problem: 'has MARK rules of iptables, which nft does not show in full',
      mend: `see that they have a mask without ${hex(config.markMask)}: iptables-save | grep MARK`,
    })),
  ];
}

function ruleFindings({ pref: at, text, all, table, mask }: ForeignRule, config: Config): Finding[] {
  const about = `rule ${at}: ${text}`;
  const first = pref(config, 'specific');
  const last = pref(config, 'balance');
  const mend = `give it another pref, or choose another PREF_BASE in /etc/wanhook/wanhook.env (now ${config.prefBase})`;
  if (all && at < first && table !== 255) {
    return [{ severity: 'error', about, problem: 'takes every connection before wanhook sees it', mend }];
  }
  if (at >= first && at <= last) {
    return [{ severity: 'warning', about, problem: `stands among our rules (${first} to ${last})`, mend }];
  }
  const base = balanceTable(config);
  if (table !== undefined && table >= base && table <= base + 63) {
    return [{ severity: 'note', about, problem: 'leads into a table of ours', mend: 'nothing, if you meant that' }];
  }
  if (mask === undefined || (mask & config.markMask) === 0 || !text.includes('fwmark') || /\bnot\b/.test(text))
    return [];
  return [
    {
      severity: 'warning',
      about,
      problem: `its mask ${hex(mask)} takes in our bits ${hex(config.markMask)}: it misses every connection that has a line`,
      mend: `a mask of your own bits: fwmark VALUE/${hex(mask & ~config.markMask)}`,
    },
  ];
}

const hex = (bits: number) => `0x${(bits >>> 0).toString(16)}`;
