/**
 * Which field of a refused input does not fit its schema, and what fits, in a sentence for developers. It is looked for
 * only when a check has failed, and holds nothing of what was sent: neither values nor the keys of dictionaries.
 */
import type { TSchema } from "typebox";
import { Check } from "typebox/value";

/** The parts of JSON Schema that protocol/frames.ts uses. */
interface Shape extends TSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly Shape[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, Shape>>;
  /** A list: a tuple. */
  readonly items?: Shape | readonly Shape[];
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
}

/** A part of the input, its place, and what it has to be. */
type Part = readonly [shape: Shape, value: unknown, path: string];

/**
 * The first fault, like `body.text: must be a string of 1 to 16000 characters`.
 * @param root what the input as a whole is called
 * @returns undefined when the input fits
 */
export function fieldFault(schema: TSchema, input: unknown, root = "body"): string | undefined {
  return firstFault([schema, input, ""], root);
}

function firstFault([shape, value, path]: Part, root: string): string | undefined {
  if (Check(shape, value)) return undefined;
  for (const part of partsOf(shape, value, path)) {
    const fault = firstFault(part, root);
    if (fault !== undefined) return fault;
  }
  return `${path === "" ? root : path}: must be ${expected(shape)}`;
}

/** Where to look further: nowhere when the value as a whole is another kind of thing. */
function partsOf(shape: Shape, value: unknown, path: string): readonly Part[] {
  if (Array.isArray(value)) return itemsOf(shape, value, path);
  if (typeof value !== "object" || value === null) return [];
  const record = value as Readonly<Record<string, unknown>>;
  const { properties, required = [], patternProperties, anyOf } = shape;
  const under = (key: string): string => (path === "" ? key : `${path}.${key}`);
  if (anyOf !== undefined) return branchOf(anyOf, record, path, under);
  if (patternProperties !== undefined)
    return Object.values(patternProperties).flatMap((each) =>
      Object.values(record).map((one): Part => [each, one, under("*")]),
    );
  return Object.entries(properties ?? {})
    .filter(([key]) => required.includes(key) || record[key] !== undefined)
    .map(([key, property]) => [property, record[key], under(key)]);
}

function itemsOf(
  { items, minItems = 0, maxItems = Infinity }: Shape,
  values: unknown[],
  path: string,
): Part[] {
  if (items === undefined) return [];
  const isTuple = (shapes: Shape | readonly Shape[]): shapes is readonly Shape[] => Array.isArray(shapes);
  if (isTuple(items)) {
    if (values.length !== items.length) return [];
    return items.map((item, i) => [item, values[i], `${path}[${i}]`]);
  }
  if (values.length < minItems || values.length > maxItems) return [];
  return values.map((one, i) => [items, one, `${path}[${i}]`]);
}

/** Of alternatives that a constant field tells apart the one that is meant, or else that field. */
function branchOf(
  branches: readonly Shape[],
  record: Readonly<Record<string, unknown>>,
  path: string,
  under: (key: string) => string,
): readonly Part[] {
  const key = Object.entries(branches[0]?.properties ?? {}).find(
    ([, { const: fixed }]) => fixed !== undefined,
  )?.[0];
  if (key === undefined) return [];
  const tags = branches.flatMap(({ properties }) => properties?.[key] ?? []);
  const meant = branches.find(({ properties }) => properties?.[key]?.const === record[key]);
  return meant === undefined ? [[{ anyOf: tags }, record[key], under(key)]] : [[meant, record, path]];
}

function expected(shape: Shape): string {
  const { anyOf, type, pattern, items, minLength, maxLength, minItems, maxItems, minimum, maximum } = shape;
  if (anyOf !== undefined) return [...new Set(anyOf.map(expected))].join(" or ");
  if (shape.const !== undefined) return JSON.stringify(shape.const);
  switch (type) {
    case "string":
      if (pattern !== undefined) return `a string that matches ${pattern}`;
      return `a string${sized(minLength, maxLength, "characters")}`;
    case "integer":
      return `an integer${bounded(minimum, maximum)}`;
    case "array":
      if (Array.isArray(items)) return `an array of ${items.length} items`;
      return `an array${sized(minItems, maxItems, "items")}`;
    case "object":
      return "an object";
    default:
      return "something else";
  }
}

function sized(min = 0, max = Infinity, unit: string): string {
  if (max === Infinity) return min === 0 ? "" : ` of at least ${min} ${unit}`;
  return min === 0 ? ` of at most ${max} ${unit}` : ` of ${min} to ${max} ${unit}`;
}

/** A bound that every safe integer keeps is none. */
function bounded(min: number | undefined, max = Infinity): string {
  if (min === undefined) return "";
  return max < Number.MAX_SAFE_INTEGER ? ` from ${min} to ${max}` : ` of at least ${min}`;
}
