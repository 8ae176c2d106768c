// The client's side of a request whose client is gone: the response is read and thrown away (enable_fire_and_forget).

import type { DownstreamExchange } from './exchange.ts';
import type { RequestHead } from './message.ts';

export class DiscardedExchange implements DownstreamExchange {
  readonly head: RequestHead;

  constructor(head: RequestHead) {
    this.head = head;
  }

  startBody(): void {}
  pauseBody(): void {}
  resumeBody(): void {}
  sendInformational(): void {}
  sendHead(): void {}
  sendBody(): void {}
  sendEnd(): void {}
  flush(): boolean {
    return true;
  }
  abort(): void {}
  resetConnection(): void {}
}
