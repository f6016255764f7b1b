import type { Band, ProbeSettings, Problem, QualityBands } from '../model.ts';
import type { Assignments } from './dotenv.ts';
import { FAST_TIMES, PROBE_DEFAULTS, type PROBE_KEYS } from './probe-keys.ts';
import type { Values } from './values.ts';

type Given = Values<typeof PROBE_KEYS>;

/**
 * What a link's keys, and behind them the defaults for all, say about probes; undefined: PROBE=none. FAST=yes in the
 * link's own file is nearer to it than an interval for all.
 */
export function probeSettings(
  values: Given,
  own: Given,
  assignments: Assignments,
  file: string,
  problems: Problem[],
): ProbeSettings | undefined {
  const targets = values.PROBE ?? PROBE_DEFAULTS.targets;
  if (targets.length === 0) return undefined;
  const times = values.FAST === true ? FAST_TIMES : PROBE_DEFAULTS;
  const timing = own.FAST === true ? own : values;
  const found: ProbeSettings = {
    targets,
    need: values.PROBE_NEED ?? PROBE_DEFAULTS.need,
    intervalMs: timing.PROBE_INTERVAL ?? times.intervalMs,
    timeoutMs: timing.PROBE_TIMEOUT ?? times.timeoutMs,
    downAfter: values.DOWN_AFTER ?? PROBE_DEFAULTS.downAfter,
    upAfter: values.UP_AFTER ?? PROBE_DEFAULTS.upAfter,
    degraded: bands(PROBE_DEFAULTS.degraded, values.LOSS_DEGRADED, values.LATENCY_DEGRADED, values.JITTER_DEGRADED),
    down: bands(PROBE_DEFAULTS.down, values.LOSS_DOWN, values.LATENCY_DOWN, values.JITTER_DOWN),
    flap: {
      penalty: values.FLAP_PENALTY ?? PROBE_DEFAULTS.flap.penalty,
      suppress: values.FLAP_SUPPRESS ?? PROBE_DEFAULTS.flap.suppress,
      reuse: values.FLAP_REUSE ?? PROBE_DEFAULTS.flap.reuse,
      halfLifeMs: (values.FLAP_HALF_LIFE ?? PROBE_DEFAULTS.flap.halfLifeMs / 1000) * 1000,
    },
  };
  reportProbes(found, assignments, file, problems);
  return found;
}

type Given1 = Band | 'off' | undefined;

function bands(otherwise: QualityBands, loss: Given1, latency: Given1, jitter: Given1): QualityBands {
  const chosen = {
    loss: loss ?? otherwise.loss,
    latency: latency ?? otherwise.latency,
    jitter: jitter ?? otherwise.jitter,
  };
  return Object.fromEntries(Object.entries(chosen).filter(([, band]) => band !== undefined && band !== 'off'));
}

/** What no key can check alone. */
function reportProbes(
  { targets, need, flap }: ProbeSettings,
  from: Assignments,
  file: string,
  problems: Problem[],
): void {
  const report = (keys: readonly string[], message: string) => {
    const line = keys.map((key) => from.get(key)?.line).find((each) => each !== undefined);
    problems.push({ file, ...(line !== undefined && { line }), message });
  };
  if (need > targets.length) {
    report(['PROBE_NEED', 'PROBE'], `PROBE_NEED=${need}, but PROBE has only ${targets.length}: no round could succeed`);
  }
  if (flap.reuse >= flap.suppress) {
    const message = `FLAP_REUSE=${flap.reuse} must be below FLAP_SUPPRESS=${flap.suppress}`;
    report(['FLAP_REUSE', 'FLAP_SUPPRESS'], message);
  }
}
