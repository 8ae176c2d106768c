// What a Controller is told when it is started.

export interface Address {
  readonly ip: string;
  readonly port: number;
}

export interface ControllerOptions {
  /** Folder with all that outlives the process. */
  readonly stateFolder: string;
  /** Of the API. */
  readonly listen: Address;
  /** Of the link to engines. */
  readonly engineListen: Address;
  /** Names and addresses that clients and engines know the Controller by, for its own certificate. */
  readonly names: readonly string[];
  /** File with the master key; absent: LIMPET_MASTER_KEY, or the state folder's own. */
  readonly masterKeyFile: string | undefined;
  /** PEM files of the API's certificate with its chain, and its key; absent: one by the Controller's own authority. */
  readonly certificate: { readonly certificateFile: string; readonly keyFile: string } | undefined;
  readonly stopWithStandardInput: boolean;
}
