// Prometheus text exposition (format 0.0.4) of the metrics table.

import { type MetricDefinition, type MetricName, metricCatalogue } from '@limpet/model';
import { type MetricsTable, metricOffset } from './metrics-table.ts';

/** An owner of a row: its slot, and the labels that name it. */
export interface MetricOwner {
  readonly slot: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface MetricOwners {
  readonly engine: readonly MetricOwner[];
  readonly virtual_service: readonly MetricOwner[];
  readonly server: readonly MetricOwner[];
}

/** The media type of {@link exposeMetrics}. */
export const EXPOSITION_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * All metrics of the catalogue for all owners, as Prometheus reads them.
 *
 * @param options zeros: whether samples that are zero are said, too.
 */
export function exposeMetrics(
  table: MetricsTable,
  owners: MetricOwners,
  { zeros }: { readonly zeros: boolean } = { zeros: true },
): string {
  const lines: string[] = [];
  for (const metric of metricCatalogue as readonly MetricDefinition[]) {
    lines.push(`# HELP ${metric.name} ${metric.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`);
    lines.push(`# TYPE ${metric.name} ${metric.type}`);
    for (const owner of owners[metric.scope]) {
      for (const value of metric.label?.values ?? [undefined]) {
        const sample = table.read(metric.scope, owner.slot, metricOffset(metric.name as MetricName, value));
        if (sample === 0 && !zeros) continue;
        const labels =
          metric.label === undefined || value === undefined
            ? owner.labels
            : { ...owner.labels, [metric.label.name]: value };
        lines.push(`${metric.name}${labelText(labels)} ${sample}`);
      }
    }
  }
  return `${lines.join('\n')}\n`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
