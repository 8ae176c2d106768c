// The configuration flow: edits are validated, stored, compiled and published, one change at a time; or refused, and nothing happens.

import {
  apiTypeByName,
  type CheckedConfig,
  type ConfigProblem,
  checkConfig,
  deepFreeze,
  fieldsSetWithoutEffect,
  LimpetError,
  objectSchemas,
} from '@limpet/model';
import type { JsonObject } from '../json.ts';
import type { Clock } from '../lifecycle/clock.ts';
import type { Actor, HistoryEntry, HistoryQuery, ObjectStore, StoredEdit } from '../store/object-store.ts';
import type { SecretBox } from '../store/secret-box.ts';
import { changeEvents } from './change-events.ts';
import { ChangeQueue } from './change-queue.ts';
import { type EditedObject, problemsOfEdits, refuseImpossible } from './check-edits.ts';
import { type CompiledForEngines, compileForEngines } from './compile-for-engines.ts';
import type { Change, ChangeOutcome, Configuration, ObjectEdit } from './configuration.ts';
import { withDefaultObjects } from './default-view.ts';
import { ImmutableView, type ViewEdit } from './immutable-view.ts';
import { type KeptPlacement, placementEdits, readPlacement } from './kept-placement.ts';
import { modelInput } from './model-input.ts';
import type { ControllerObject, ObjectView } from './object-view.ts';
import { type PlacementResult, place } from './placement.ts';
import { groupUuidOf, parentOf, placementInput } from './placement-input.ts';
import type { ConfigurationPublisher, EngineConfiguration } from './publisher.ts';
import { rollBackEdits } from './roll-back.ts';
import { isSameObject } from './same-object.ts';
import { type ScaleRequest, scaled } from './scale-placement.ts';
import { openObject, sealObject } from './sealed-objects.ts';

export interface ConfigurationServices {
  readonly store: ObjectStore;
  readonly box: SecretBox;
  readonly publisher: ConfigurationPublisher;
  readonly clock: Pick<Clock, 'unixMs'>;
  /** What nobody asked for and somebody should know. Never throws. */
  readonly onEvent?: (eventId: string, details: JsonObject) => void;
}

/** Everything that follows from the objects at one revision. Replaced as a whole. */
interface State {
  readonly view: ImmutableView;
  /** Undefined where what was found in the store is not valid by the rules of this release. */
  readonly checked: CheckedConfig | undefined;
  readonly kept: KeptPlacement;
  readonly short: PlacementResult['short'];
  readonly compiled: CompiledForEngines;
}

/** Types whose objects are in a snapshot, or say who gets one. */
const COMPILED: ReadonlySet<string> = new Set([
  ...Object.keys(objectSchemas),
  'ServiceEngine',
  'ServiceEngineGroup',
]);
const PLACING: ReadonlySet<string> = new Set(['ServiceEngine', 'ServiceEngineGroup', 'VirtualService']);
/** The model passes over them, and the Controller does not. */
const ACTED_UPON: ReadonlySet<string> = new Set(['se_group_ref', 'cloud_ref', 'network_profile_ref']);

export class ChangeConfig implements Configuration {
  readonly #services: ConfigurationServices;
  readonly #queue = new ChangeQueue();
  #state: State;
  #lost: ReadonlySet<string> = new Set();

  private constructor(services: ConfigurationServices, state: State) {
    this.#services = services;
    this.#state = state;
  }

  /** Reads the store, compiles what is in it, and publishes that. */
  static async start(services: ConfigurationServices): Promise<ChangeConfig> {
    const { store, box, clock } = services;
    const contents = await store.readAll();
    const objects = contents.objects.map((stored) => openObject(stored, box));
    const view = ImmutableView.of(withDefaultObjects(objects), contents.revision);
    const kept = readPlacement(contents.vault);
    const empty: State = { view, checked: undefined, kept, short: [], compiled: new Map() };
    const configuration = new ChangeConfig(services, empty);
    try {
      const checked = checkConfig(modelInput(view), checkOptions(view, clock));
      configuration.#state = configuration.#compile({ ...empty, checked }, kept);
    } catch (error) {
      if (!(error instanceof LimpetError)) throw error;
      // Engines keep what they have; whoever mends it is let in.
      const problems = error.problems.map((problem) => ({ ...problem }));
      services.onEvent?.('CONFIG_INVALID', { error: error.message, problems });
    }
    configuration.#publish(new Map());
    return configuration;
  }

  get view(): ObjectView {
    return this.#state.view;
  }

  /** Which engines a virtual service is on; a child is where its parent is. */
  enginesOf(virtualServiceUuid: string): readonly string[] {
    const { view, kept } = this.#state;
    const object = view.get('VirtualService', virtualServiceUuid);
    const parent = object === undefined ? undefined : parentOf(object);
    return kept.placement.get(parent ?? virtualServiceUuid) ?? [];
  }

  /** Virtual services that are on fewer engines than they should. */
  get short(): PlacementResult['short'] {
    return this.#state.short;
  }

  change(change: Change): Promise<ChangeOutcome> {
    return this.#queue.run(() => this.#change(change));
  }

  history(query: HistoryQuery): Promise<readonly HistoryEntry[]> {
    return this.#services.store.history(query);
  }

  async viewAt(revision: number): Promise<ImmutableView> {
    const { store, box } = this.#services;
    const stored = await store.objectsAt(revision);
    const objects = stored.map((object) => openObject(object, box));
    return ImmutableView.of(withDefaultObjects(objects), revision);
  }

  rollBack(revision: number, actor: Actor, dryRun = false): Promise<ChangeOutcome> {
    return this.#queue.run(async () => {
      const target = await this.viewAt(revision);
      const edit = () => rollBackEdits(this.#state.view, target);
      return this.#change({ actor, summary: `roll back to version ${revision}`, dryRun, edit }, true);
    });
  }

  /** One engine more, one less, or another. It is no new revision: the objects stay what they are. */
  scale(virtualServiceUuid: string, request: ScaleRequest, actor: Actor): Promise<void> {
    return this.#queue.run(async () => {
      const { view, kept } = this.#state;
      const object = view.get('VirtualService', virtualServiceUuid);
      if (object === undefined) throw new LimpetError('OBJECT_NOT_FOUND', 'VirtualService object not found!');
      const next = scaled(this.#placementInput(view, kept), kept, object, request);
      await this.#replace(next, actor, `scale ${request.kind} ${object.name}`);
    });
  }

  /** Engines that have been away for long, all of them each time: others take their virtual services where there are any. */
  setLostEngines(uuids: ReadonlySet<string>): Promise<void> {
    return this.#queue.run(async () => {
      this.#lost = new Set(uuids);
      await this.#replace(this.#state.kept, { user: 'system' }, 'place the virtual services of lost engines');
    });
  }

  async #change(
    { actor, summary, dryRun = false, edit }: Change,
    mayHaveExpired = false,
  ): Promise<ChangeOutcome> {
    const { store, clock, box } = this.#services;
    const before = this.#state;
    const atUs = Math.floor(clock.unixMs() * 1000);
    const edited = editedObjects(before.view, edit(before.view), atUs);
    const view = before.view.with(edited.map(viewEditOf), before.view.revision + 1);
    refuseImpossible(edited, view);
    const after = this.#derive(before, view, edited, mayHaveExpired);
    const engines = changedEngines(before.compiled, after);
    const outcome = { changed: edited.map(changedOf), notices: noticesOf(after, edited), engines };
    if (dryRun || edited.length === 0) return { ...outcome, view: dryRun ? after.view : before.view };
    const revision = await store.commit({
      expectedRevision: before.view.revision,
      atUs,
      actor,
      summary,
      objects: edited.map(
        ({ type, uuid, after: object }): StoredEdit =>
          object === undefined
            ? { kind: 'delete', type, uuid }
            : { kind: 'put', object: sealObject(object, box) },
      ),
      vault: placementEdits(before.kept, after.kept),
    });
    if (revision !== view.revision) throw new LimpetError('INTERNAL', `the store made revision ${revision}`);
    this.#state = after;
    this.#publish(before.compiled);
    for (const { eventId, details } of changeEvents(outcome.changed, actor, summary, revision))
      this.#services.onEvent?.(eventId, details);
    return { ...outcome, view };
  }

  /** @throws LimpetError CONFIG_INVALID with every problem. */
  #derive(
    before: State,
    view: ImmutableView,
    edited: readonly EditedObject[],
    mayHaveExpired: boolean,
  ): State {
    const { clock } = this.#services;
    const problems = problemsOfEdits(edited, view, mayHaveExpired ? undefined : clock.unixMs() / 1000);
    if (!edited.some(({ type }) => COMPILED.has(type))) {
      refuseIfAny(problems);
      return { ...before, view };
    }
    const checked = checkedWith(problems, () =>
      checkConfig(modelInput(view), checkOptions(view, clock), before.checked),
    );
    const isPlaced = before.checked !== undefined && !edited.some(({ type }) => PLACING.has(type));
    const next = { ...before, view, checked };
    return isPlaced
      ? { ...next, compiled: compileForEngines(view, checked, before.kept.placement) }
      : this.#compile(next, before.kept);
  }

  #compile(state: State & { readonly checked: CheckedConfig | undefined }, kept: KeptPlacement): State {
    const { view, checked } = state;
    const input = this.#placementInput(view, kept);
    const { placement, short } = place(input);
    const wanted = new Map([...kept.wanted].filter(([uuid]) => placement.has(uuid)));
    const compiled = checked === undefined ? state.compiled : compileForEngines(view, checked, placement);
    return { ...state, kept: { placement, wanted }, short, compiled };
  }

  /** Places anew, beginning with what is given. */
  async #replace(next: KeptPlacement, actor: Actor, summary: string): Promise<void> {
    const before = this.#state;
    const after = this.#compile(before, next);
    const vault = placementEdits(before.kept, after.kept);
    if (vault.length > 0) {
      const atUs = Math.floor(this.#services.clock.unixMs() * 1000);
      await this.#services.store.commit({ atUs, actor, summary, objects: [], vault });
    }
    this.#state = after;
    this.#publish(before.compiled);
  }

  #placementInput(view: ImmutableView, { placement, wanted }: KeptPlacement) {
    return placementInput(view, { former: placement, wanted, lost: this.#lost });
  }

  /** To engines that have another configuration than before. */
  #publish(before: CompiledForEngines): void {
    const { view, compiled } = this.#state;
    const changed = new Map<string, EngineConfiguration>();
    for (const [engine, configuration] of compiled) {
      if (before.get(engine)?.snapshot.hash !== configuration.snapshot.hash)
        changed.set(engine, { revision: view.revision, compiled: configuration });
    }
    if (changed.size > 0) this.#services.publisher.publish(changed);
  }
}

function checkOptions(view: ObjectView, clock: Pick<Clock, 'unixMs'>) {
  return {
    nowS: clock.unixMs() / 1000,
    namesPerTenant: true,
    engineGroupOf: (uuid: string): string => {
      const object = view.get('VirtualService', uuid);
      return object === undefined ? '' : groupUuidOf(object, view);
    },
  };
}

/** Each object once, however often it is edited. */
function editedObjects(
  view: ObjectView,
  edits: readonly ObjectEdit[],
  atUs: number,
): readonly EditedObject[] {
  const edited = new Map<string, EditedObject>();
  for (const edit of edits) {
    const { type, uuid } = edit.kind === 'put' ? edit.object : edit;
    const before = view.get(type, uuid);
    const base = { type, uuid, ...(before === undefined ? {} : { before }) };
    // Clients put again what is there, every few minutes some of them: that is no version.
    if (edit.kind === 'put' && before !== undefined && isSameObject(before, edit.object)) {
      edited.delete(`${type} ${uuid}`);
      continue;
    }
    if (edit.kind === 'delete') {
      edited.set(`${type} ${uuid}`, base);
      continue;
    }
    const after: ControllerObject = Object.freeze({
      ...edit.object,
      body: deepFreeze(edit.object.body),
      lastModifiedUs: Math.max(atUs, (before?.lastModifiedUs ?? 0) + 1),
    });
    edited.set(`${type} ${uuid}`, { ...base, after });
  }
  return [...edited.values()];
}

function viewEditOf({ type, uuid, after }: EditedObject): ViewEdit {
  return after === undefined ? { kind: 'delete', type, uuid } : { kind: 'put', object: after };
}

function changedOf({ before, after }: EditedObject): ChangeOutcome['changed'][number] {
  return {
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  };
}

/** What the model finds is told with what was found before it, each thing once. */
function checkedWith(problems: readonly ConfigProblem[], check: () => CheckedConfig): CheckedConfig {
  let checked: CheckedConfig;
  try {
    checked = check();
  } catch (error) {
    if (!(error instanceof LimpetError) || error.code !== 'CONFIG_INVALID') throw error;
    const told = new Set(problems.map(placeOf));
    refuseIfAny([...problems, ...error.problems.filter((problem) => !told.has(placeOf(problem)))]);
    throw error;
  }
  refuseIfAny(problems);
  return checked;
}

function placeOf({ objectType, objectName, field }: ConfigProblem): string {
  return `${objectType} ${objectName} ${field}`;
}

function refuseIfAny(problems: readonly ConfigProblem[]): void {
  if (problems.length === 0) return;
  const detail = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  throw new LimpetError('CONFIG_INVALID', detail, { problems });
}

function changedEngines(before: CompiledForEngines, { view, compiled }: State): ChangeOutcome['engines'] {
  return [...compiled].flatMap(([uuid, { snapshot }]) =>
    before.get(uuid)?.snapshot.hash === snapshot.hash
      ? []
      : [{ uuid, name: view.get('ServiceEngine', uuid)?.name ?? uuid, hash: snapshot.hash }],
  );
}

/** Of the objects that were edited; the others' are no news. */
function noticesOf({ checked, short }: State, edited: readonly EditedObject[]): readonly ConfigProblem[] {
  const objects = edited.flatMap(({ after }) => after ?? []);
  const names = new Set(objects.map(({ type, name }) => `${type} ${name}`));
  const ofModel = (checked?.notices ?? []).filter(
    ({ objectType, objectName, field }) => names.has(`${objectType} ${objectName}`) && !ACTED_UPON.has(field),
  );
  const ofController = objects.flatMap(({ type, name, body }): ConfigProblem[] => {
    const apiType = apiTypeByName(type);
    if (apiType === undefined || Object.hasOwn(objectSchemas, type)) return [];
    const message = 'is not implemented yet and has no effect';
    return fieldsSetWithoutEffect(apiType, body).map((field) => ({
      objectType: type,
      objectName: name,
      field,
      message,
    }));
  });
  const uuids = new Map(objects.map(({ uuid, name }) => [uuid, name]));
  const ofPlacement = short.flatMap(({ uuid, wanted, placed }): ConfigProblem[] => {
    const objectName = uuids.get(uuid);
    const message = `is placed on ${placed} of ${wanted} engines: its group has no more that are enabled and have room`;
    return objectName === undefined
      ? []
      : [{ objectType: 'VirtualService', objectName, field: 'se_group_ref', message }];
  });
  return [...ofModel, ...ofController, ...ofPlacement];
}
