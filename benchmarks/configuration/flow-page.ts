// The page on which the figures of the configuration flow are kept.

import { cpus, release } from 'node:os';
import { median, quantile } from '../measure/statistics.ts';

/** One kind of change, made many times. */
export interface Flow {
  readonly what: string;
  /** From the request to the API's answer. */
  readonly answerMs: readonly number[];
  /** From the answer to the ack of the last engine. */
  readonly ackMs: readonly number[];
  /** Of one CPU, over all the time of these changes, reports and probes included: the Controller, then each engine. */
  readonly busyPercent: readonly number[];
  /** Load average of a minute, before and after. */
  readonly load: readonly number[];
}

export interface FlowFigures {
  readonly objects: number;
  readonly fillMs: number;
  readonly flows: readonly Flow[];
  /** The Controller, then each engine. */
  readonly memoryMb: readonly number[];
  readonly restartMs: readonly number[];
  readonly engineStartMs: readonly number[];
  readonly cpus: number;
}

export function flowPage(figures: FlowFigures): string {
  const { flows, memoryMb, restartMs, engineStartMs } = figures;
  const [controllerMb = 0, ...engineMb] = memoryMb;
  const lines = [
    `# Configuration flow, ${new Date().toISOString().slice(0, 10)}`,
    '',
    'A Controller and two engines of two workers each, with 1,000 virtual services and 10,000 servers, all on loopback of one machine:',
    'what is measured, and how to read it, stands in the [README](../README.md).',
    '',
    `- Machine: ${figures.cpus} cores, ${cpus()[0]?.model.trim() ?? 'unknown'}, Linux ${release()}, Node ${process.versions.node}`,
    `- ${figures.objects} objects made through the API, four requests at a time: ${(figures.fillMs / 1000).toFixed(1)} s`,
    '',
    '| change                    | number | answer p50 | answer p99 | ack p50 | ack p90 | ack p99 | ack most | machine load |',
    '| ------------------------- | -----: | ---------: | ---------: | ------: | ------: | ------: | -------: | -----------: |',
    ...flows.map(flowRow),
    '',
    "`answer`: from the request to the API's answer, ms. `ack`: from that answer to the last ack, ms. `machine load`: load average of a minute,",
    'before and after.',
    '',
    `- Start of the Controller with this store, until it listens: median ${ms(median(restartMs))} ms, most ${ms(Math.max(...restartMs))} ms of ${restartMs.length}`,
    `- Start of an engine that has just enrolled, until it serves: ${engineStartMs.map((startMs) => `${(startMs / 1000).toFixed(1)} s`).join(', ')}`,
    `- Memory, resident: Controller ${ms(controllerMb)} MB, engines ${engineMb.map((mb) => `${ms(mb)} MB`).join(', ')}`,
    ...flows.map(
      ({ what, busyPercent }) =>
        `- CPU during "${what}", of one: Controller ${ms(busyPercent[0] ?? 0)} %, engines ${busyPercent
          .slice(1)
          .map((percent) => `${ms(percent)} %`)
          .join(', ')}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function flowRow({ what, answerMs, ackMs, load }: Flow): string {
  const cells = [
    what.padEnd(25),
    String(ackMs.length).padStart(6),
    ms(median(answerMs)).padStart(10),
    ms(quantile(answerMs, 0.99)).padStart(10),
    ms(median(ackMs)).padStart(7),
    ms(quantile(ackMs, 0.9)).padStart(7),
    ms(quantile(ackMs, 0.99)).padStart(7),
    ms(Math.max(...ackMs)).padStart(8),
    load
      .map((one) => one.toFixed(1))
      .join(', ')
      .padStart(12),
  ];
  return `| ${cells.join(' | ')} |`;
}

function ms(value: number): string {
  return value.toFixed(0);
}
