// Socket activation: the listening sockets that systemd opened and passes to the process it starts (sd_listen_fds(3)).

const FIRST_DESCRIPTOR = 3;
const DESCRIPTORS_MAX = 4096;

/** The descriptors that are meant for this process; none where there are none, or where they are another process's. */
export function activatedDescriptors(
  environment: Readonly<Record<string, string | undefined>>,
  pid: number,
): readonly number[] {
  if (Number(environment.LISTEN_PID) !== pid) return [];
  const count = Number(environment.LISTEN_FDS);
  if (!Number.isInteger(count) || count < 1 || count > DESCRIPTORS_MAX) return [];
  return Array.from({ length: count }, (_, index) => FIRST_DESCRIPTOR + index);
}

/** The environment for a process of its own: what systemd says is meant for its receiver alone. */
export function withoutActivation(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const {
    LISTEN_PID: _pid,
    LISTEN_FDS: _descriptors,
    LISTEN_FDNAMES: _names,
    NOTIFY_SOCKET: _notify,
    ...others
  } = environment;
  return others;
}
