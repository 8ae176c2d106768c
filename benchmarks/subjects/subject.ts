// A subject of the benchmark: a balancer that can be started as often as wanted, each time with the same settings.

export type SubjectName = 'limpet' | 'haproxy' | 'nginx';

export const SUBJECT_NAMES: readonly SubjectName[] = ['limpet', 'haproxy', 'nginx'];

/** One balancer that serves the back ends over HTTPS on loopback. All instances of a subject share their ticket keys. */
export interface Instance {
  readonly port: number;
  /** The root of its process tree. */
  readonly pid: number;
  stop(): Promise<void>;
}

export interface Subject {
  readonly name: SubjectName;
  /** Program and TLS library with versions, for the report. */
  readonly version: string;
  startInstance(): Promise<Instance>;
}
