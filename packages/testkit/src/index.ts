// What tests, demo and benchmarks use.

export * from './controller-client.ts';
export * from './demo-configuration.ts';
export * from './demo-server.ts';
export * from './misbehaving-server.ts';
export * from './processes.ts';
export * from './raw-exchange.ts';
export * from './session-bytes.ts';
export * from './spreader.ts';
export * from './temporary-ca.ts';
export * from './ticket-client.ts';
