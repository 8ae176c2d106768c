// The public surface of the model.

export * from './errors.ts';
export * from './log-fields.ts';
export * from './metrics.ts';
export * from './snapshot.ts';
