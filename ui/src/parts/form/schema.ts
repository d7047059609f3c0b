/** JSON Schema (2020-12) as far as the configuration uses it, and what a field of it looks like. Pure. */

export interface Schema {
  title?: string;
  description?: string;
  type?: string | string[];
  enum?: (string | number)[];
  const?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  pattern?: string;
  format?: string;
  examples?: unknown[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  propertyNames?: { pattern?: string; enum?: string[] };
  items?: Schema;
  oneOf?: Schema[];
  discriminator?: { propertyName: string };
  required?: string[];
  writeOnly?: boolean;
  "x-unit"?: string;
  "x-names"?: string;
}

export type Kind = "switch" | "choice" | "number" | "words" | "secret" | "lines" | "section" | "named" | "variant" | "text";

export function kindOf(schema: Schema): Kind {
  const types = [schema.type ?? []].flat();
  if (schema.oneOf) return "variant";
  if (schema.writeOnly) return "secret";
  if (schema.enum) return "choice";
  if (schema.format === "schedule") return "lines";
  if (schema.format === "polygon") return "text";
  if (types.includes("boolean")) return "switch";
  if (schema.properties) return "section";
  if (types.includes("object")) return "named";
  if (types.includes("array")) return "words";
  if (types.length === 1 && (types[0] === "number" || types[0] === "integer")) return "number";
  return "text";
}

/** A list, however it is written: `person, car` is one too. */
export function words(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  return typeof value === "string" ? value.split(",").map((one) => one.trim()).filter(Boolean) : [];
}

/** A value somebody typed, as the configuration takes it; empty: as it is by default. */
export function typed(schema: Schema, text: string): unknown {
  const said = text.trim();
  if (said === "") return undefined;
  const types = [schema.type ?? []].flat();
  const number = Number(said);
  const numeric = types.includes("number") || types.includes("integer");
  return numeric && Number.isFinite(number) ? number : said;
}

/** How a default reads: "10 s", "person", "as there is room". */
export function said(schema: Schema, value: unknown): string {
  if (value === undefined || value === null) return "";
  const text = Array.isArray(value) ? value.join(", ") : String(value);
  const unit = schema["x-unit"];
  return typeof value === "number" && (unit === "s" || unit === "days") ? `${text} ${unit}` : text;
}

/** Help without the marks of its Markdown. */
export const plain = (text: string) => text.replaceAll("`", "");

/** Which alternative of a `oneOf` a value is. */
export function variantOf(schema: Schema, value: unknown): Schema | undefined {
  const key = schema.discriminator?.propertyName ?? "type";
  const type = (value as Record<string, unknown> | undefined)?.[key];
  return schema.oneOf?.find((one) => one.properties?.[key]?.const === type) ?? schema.oneOf?.[0];
}

/** Keys that are shown at once, and those that are folded: few fields are all shown. */
export function split(schema: Schema, value: Record<string, unknown>, first: readonly string[] | undefined): [string[], string[]] {
  const keys = Object.keys(schema.properties ?? {}).filter((key) => schema.properties![key]!.const === undefined);
  if (!first && keys.length <= 8) return [keys, []];
  const wanted = first ?? [...(schema.required ?? []), ...keys.slice(0, 5)];
  const shown = keys.filter((key) => wanted.includes(key) || (!first && value[key] !== undefined));
  return [shown, keys.filter((key) => !shown.includes(key))];
}

/** A section of a section: `within(schema, "cameras", "*", "zones")`. */
export function within(schema: Schema | undefined, ...path: string[]): Schema | undefined {
  let found = schema;
  for (const key of path) {
    const any = found?.additionalProperties;
    found = found?.properties?.[key] ?? (typeof any === "object" ? any : undefined);
  }
  return found;
}
