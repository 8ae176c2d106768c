// What an engine reports of itself to whoever asks for it, be it over the admin server or another way.

export interface EngineReports {
  /** Whether the engine serves; the detail is a short word for a person. */
  healthz(): { readonly ok: boolean; readonly detail: string };
  /** In the text format of Prometheus. */
  metrics(): string;
  /** Live state as plain JSON; it holds no secret. */
  runtime(): unknown;
}
