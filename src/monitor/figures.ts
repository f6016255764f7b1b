import type { LinkHealth } from '../model.ts';
import type { Report, World } from '../reconcile.ts';
import { writeAtomically } from '../state/files.ts';
import { loadMeasured, saveMeasured } from '../state/measured.ts';
import { metricsText } from './metrics.ts';

/** For others to read: the figures behind the verdicts, the sign of life, and METRICS_FILE. */
export function tellFigures(
  { stateDirectory, now }: World,
  figures: Readonly<Record<string, LinkHealth>>,
  report: Report | undefined,
  version: string,
): void {
  const at = now();
  saveMeasured(stateDirectory, figures, at);
  if (report?.config.metricsFile === undefined) return;
  const measured = loadMeasured(stateDirectory, at);
  writeAtomically(report.config.metricsFile, metricsText({ ...report, measured, now: at, version }), 0o644);
}
