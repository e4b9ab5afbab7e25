// Types of the API and the bounds of a mix's settings, from the OpenAPI document that the protos made.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const source = new URL("../../services/gateway/src/automix_gateway/openapi.json", import.meta.url);
const folder = new URL("../src/api/", import.meta.url);
const document = JSON.parse(await readFile(source, "utf8"));

await mkdir(folder, { recursive: true });
// What has a default may still be left out of a request.
await writeFile(new URL("schema.d.ts", folder), astToString(await openapiTS(document, { defaultNonNullable: false })));

const { schemas } = document.components;
const whole = (field) => (field.$ref ? { ...schemas[field.$ref.split("/").at(-1)], ...field } : field);
const fields = Object.entries(schemas.MixSettings.properties).map(([name, field]) => [name, whole(field)]);
const presets = schemas.Insert.properties.preset.oneOf.map(({ const: name, description }) => ({ name, says: description }));
const effects = Object.fromEntries(
  Object.entries(schemas.Insert.properties)
    .filter(([, field]) => field.$ref)
    .map(([kind, field]) => [kind, whole(field).properties]),
);
const roles = schemas.PlayedRole.enum.slice(1);
await writeFile(new URL("settings.json", folder), JSON.stringify({ settings: Object.fromEntries(fields), presets, effects, roles }, null, 1));
