// The description of the API by OpenAPI 3.1, made from the schemas of its types.

import { type ApiType, apiTypes, jsonSchemaOf } from '@limpet/model';
import type { JsonObject } from '../json.ts';
import { CONTROLLER_VERSION } from './api-version.ts';
import { avisActions } from './object-actions.ts';

const answer = (description: string, schema?: JsonObject): JsonObject =>
  schema === undefined ? { description } : { description, content: { 'application/json': { schema } } };
const body = (schema: JsonObject): JsonObject => ({
  required: true,
  content: { 'application/json': { schema } },
});
const reference = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` });
const parameter = (name: string): JsonObject => ({ $ref: `#/components/parameters/${name}` });

const refusals: JsonObject = {
  '400': { $ref: '#/components/responses/Refused' },
  '401': { $ref: '#/components/responses/Refused' },
  '403': { $ref: '#/components/responses/Refused' },
  '404': { $ref: '#/components/responses/Refused' },
};
const changeRefusals: JsonObject = {
  ...refusals,
  '409': { $ref: '#/components/responses/Refused' },
  '412': { $ref: '#/components/responses/Refused' },
};

const PATCH: JsonObject = {
  type: 'object',
  description: 'At least one of these.',
  properties: {
    add: {
      type: 'object',
      description: 'Fields to set; elements of lists are appended, or updated where they are there.',
    },
    replace: { type: 'object', description: 'Fields to set; lists as a whole.' },
    delete: { type: 'object', description: 'Elements of lists to take out; other fields get their default.' },
    json_patch: { type: 'array', items: { type: 'object' }, description: 'Operations of RFC 6902.' },
  },
};

let described: JsonObject | undefined;

/** Made once: it takes 20 ms, and anybody may ask for it. */
export function describeApi(): JsonObject {
  described ??= describe();
  return described;
}

function describe(): JsonObject {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Limpet Controller',
      version: CONTROLLER_VERSION,
      description: 'The object model and the conventions of the Avi REST API.',
    },
    paths: {
      ...commonPaths(),
      ...Object.fromEntries(apiTypes.flatMap((type) => Object.entries(pathsOf(type)))),
    },
    components: {
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: 'avi-sessionid' },
        token: { type: 'http', scheme: 'bearer' },
        basic: { type: 'http', scheme: 'basic' },
      },
      parameters: parameters(),
      responses: { Refused: answer('Refused; `error` says why.', reference('Error')) },
      schemas: {
        Error: {
          type: 'object',
          properties: {
            error: { type: 'string' },
            obj_name: { type: 'string', description: 'Of the object that is meant.' },
            code: { type: 'string', description: 'Of the catalogue of errors.' },
          },
        },
        Patch: PATCH,
        ...Object.fromEntries(apiTypes.map((type) => [type.name, schemaOf(type)])),
      },
    },
    security: [{ session: [] }, { token: [] }, { basic: [] }],
  };
}

function schemaOf(type: ApiType): JsonObject {
  const schema = jsonSchemaOf(type) as JsonObject;
  return { ...schema, ...(type.secrets.length === 0 ? {} : { 'x-sensitive': [...type.secrets] }) };
}

function pathsOf(type: ApiType): JsonObject {
  const one = reference(type.name);
  const change = [
    parameter('version'),
    parameter('tenant'),
    parameter('csrf'),
    parameter('dryRun'),
    parameter('ifMatch'),
  ];
  const read = [
    parameter('version'),
    parameter('tenant'),
    parameter('fields'),
    parameter('includeName'),
    parameter('skipDefault'),
  ];
  const object: JsonObject = {
    get: {
      summary: `Read a ${type.name}`,
      parameters: read,
      responses: { '200': answer('The object.', one), ...refusals },
    },
    put: {
      summary: `Replace a ${type.name}`,
      parameters: change,
      requestBody: body(one),
      responses: { '200': answer('As it is now.', one), ...changeRefusals },
    },
    patch: {
      summary: `Change fields of a ${type.name}`,
      parameters: change,
      requestBody: body(reference('Patch')),
      responses: { '200': answer('As it is now.', one), ...changeRefusals },
    },
  };
  if (type.singleton) return { [`/api/${type.path}`]: object };
  const uuid = { name: 'uuid', in: 'path', required: true, schema: { type: 'string' } };
  const list: JsonObject = {
    type: 'object',
    properties: {
      count: { type: 'integer' },
      results: { type: 'array', items: one },
      next: { type: 'string' },
    },
  };
  return {
    [`/api/${type.path}`]: {
      get: {
        summary: `List ${type.name} objects; every other query parameter is a filter on a field`,
        parameters: [
          ...read,
          ...['page', 'pageSize', 'sort', 'refersTo', 'referredBy', 'joinSubresources'].map(parameter),
        ],
        responses: { '200': answer('A page of objects.', list), ...refusals },
      },
      post: {
        summary: `Create a ${type.name}`,
        parameters: [...change, parameter('slug')],
        requestBody: body(one),
        responses: { '201': answer('The new object.', one), ...changeRefusals },
      },
    },
    [`/api/${type.path}/{uuid}`]: {
      parameters: [uuid],
      ...object,
      delete: {
        summary: `Delete a ${type.name}`,
        parameters: change,
        responses: { '204': answer('It is gone.'), ...changeRefusals },
      },
    },
    ...Object.fromEntries(
      (avisActions[type.name] ?? []).map((action) => [
        `/api/${type.path}/{uuid}/${action}`,
        {
          parameters: [uuid],
          post: {
            summary: action,
            responses: { '200': answer('Done.'), '501': answer('Not served here.'), ...refusals },
          },
        },
      ]),
    ),
  };
}

function commonPaths(): JsonObject {
  const open = { security: [] };
  const get = (summary: string, more: JsonObject = {}): JsonObject => ({
    get: { summary, responses: { '200': answer(summary) }, ...more },
  });
  const post = (summary: string, schema: JsonObject, more: JsonObject = {}): JsonObject => ({
    post: {
      summary,
      requestBody: body(schema),
      responses: { '200': answer(summary), ...changeRefusals },
      ...more,
    },
  });
  const text = { type: 'string' };
  const version = { name: 'version', in: 'path', required: true, schema: { type: 'integer' } };
  return {
    '/login': post(
      'Log in; the answer sets csrftoken, avi-sessionid and sessionid',
      { type: 'object', required: ['username'], properties: { username: text, password: text, token: text } },
      open,
    ),
    '/logout': post('End the session', { type: 'object' }),
    '/api/initial-data': get('The version of the Controller', open),
    '/api/cluster/runtime': get('Whether the Controller is up', open),
    '/api/cluster/status': get('Whether the Controller is up', open),
    '/api/cluster/version': get('The version of the Controller', open),
    '/api/openapi.json': get('This description', open),
    '/api/useraccount': {
      ...get('The own account'),
      put: {
        summary: 'Change the own account; with old_password and password, the password',
        requestBody: body({ type: 'object', properties: { old_password: text, password: text } }),
        responses: { '200': answer('The account.', reference('User')), ...changeRefusals },
      },
    },
    '/api/user-token': {
      ...get('The own API tokens'),
      ...post('Make an API token, which stands in this answer only', {
        type: 'object',
        properties: { hours: { type: 'number' }, description: text },
      }),
    },
    '/api/user-token/{id}': {
      delete: {
        summary: 'Revoke an API token',
        parameters: [{ name: 'id', in: 'path', required: true, schema: text }],
        responses: { '204': answer('It is revoked.'), ...refusals },
      },
    },
    '/api/macro': post(
      'Create or change an object with those that are nested in it as `<ref>_data`, all or none',
      {
        type: 'object',
        required: ['model_name', 'data'],
        properties: { model_name: text, data: { type: 'object' } },
      },
    ),
    '/api/configuration/versions': get('Versions of the configuration, newest first'),
    '/api/configuration/versions/{version}': { parameters: [version], ...get('All objects as they were') },
    '/api/configuration/versions/{version}/compare': {
      parameters: [version, { name: 'with', in: 'query', schema: { type: 'integer' } }],
      ...get('What is different from another version, or from the newest'),
    },
    '/api/configuration/versions/{version}/rollback': {
      parameters: [version, parameter('dryRun')],
      ...post('Make the objects what they were', { type: 'object' }),
    },
  };
}

function parameters(): JsonObject {
  const query = (name: string, description: string, type = 'string'): JsonObject => ({
    name,
    in: 'query',
    description,
    schema: { type },
  });
  const header = (name: string, description: string): JsonObject => ({
    name,
    in: 'header',
    description,
    schema: { type: 'string' },
  });
  return {
    page: query('page', 'From 1.', 'integer'),
    pageSize: query('page_size', 'Up to 200; 25 where it is absent.', 'integer'),
    sort: query('sort', 'Fields, each with - for descending.'),
    fields: query('fields', 'Only these, with url, uuid and name.'),
    includeName: query('include_name', 'References and url end with #name.', 'boolean'),
    skipDefault: query('skip_default', 'Without fields that have their default.', 'boolean'),
    refersTo: query('refers_to', 'Objects that refer to <type>:<uuid>.'),
    referredBy: query('referred_by', 'Objects that <type>:<uuid> refers to.'),
    joinSubresources: query('join_subresources', '`runtime`: each object with its runtime.'),
    dryRun: query('dry_run', 'Say what would change, and change nothing.', 'boolean'),
    version: header('X-Avi-Version', 'That the client speaks; 16.4.1 where it is absent.'),
    tenant: header('X-Avi-Tenant', 'Name of a tenant; * for all.'),
    csrf: header('X-CSRFToken', 'With a session: the value of the cookie csrftoken.'),
    ifMatch: header('If-Match', 'ETag of the object that is to be changed.'),
    slug: header('Slug', 'The uuid that the object shall have.'),
  };
}
