// The rows that servers, pools and virtual services have in the tables that threads share, by number.

/** Where each server and virtual service has its row in the shared tables; owned by the main thread. */
export interface SlotNumbers {
  /** By `${pool uuid}/${server id}`. */
  readonly servers: ReadonlyMap<string, number>;
  /** By uuid. */
  readonly pools: ReadonlyMap<string, number>;
  /** By uuid. */
  readonly virtualServices: ReadonlyMap<string, number>;
}

export function serverSlotKey(poolUuid: string, serverId: string): string {
  return `${poolUuid}/${serverId}`;
}
