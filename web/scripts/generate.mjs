// Types of the API and the bounds of a mix's settings, from the OpenAPI document that the protos made.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const source = new URL("../../services/gateway/src/automix_gateway/openapi.json", import.meta.url);
const folder = new URL("../src/api/", import.meta.url);
const document = JSON.parse(await readFile(source, "utf8"));

await mkdir(folder, { recursive: true });
await writeFile(new URL("schema.d.ts", folder), astToString(await openapiTS(document)));

const { properties } = document.components.schemas.MixSettings;
await writeFile(new URL("settings.json", folder), JSON.stringify(properties, null, 1));
