import type { LinkHealth } from '../model.ts';
import type { Report, World } from '../reconcile.ts';
import { removeIfThere, writeAtomically } from '../state/files.ts';
import { loadMeasured, saveMeasured } from '../state/measured.ts';
import { metricsText } from './metrics.ts';

type Figures = Readonly<Record<string, LinkHealth>>;

/** For others to read: the figures behind the verdicts, and the sign of life. */
export function tellFigures({ stateDirectory, now }: World, figures: Figures, figures6: Figures): void {
  saveMeasured(stateDirectory, figures, now(), figures6);
}

/** METRICS_FILE, if there is to be one. */
export function tellMetrics({ stateDirectory, now }: World, report: Report | undefined, version: string): void {
  if (report?.config.metricsFile === undefined) return;
  const [measured, measured6] = [loadMeasured(stateDirectory, now()), loadMeasured(stateDirectory, now(), 6)];
  writeAtomically(
    report.config.metricsFile,
    metricsText({ ...report, measured, measured6, now: now(), version }),
    0o644,
  );
}

/** Nobody keeps it true from here on, and its reader cannot tell how old it is. */
export function forgetMetrics(report: Report | undefined): void {
  if (report?.config.metricsFile !== undefined) removeIfThere(report.config.metricsFile);
}
