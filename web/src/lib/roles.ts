import type { Schemas } from "./api";

export type Role = "ASSET_ROLE_VOCALS" | "ASSET_ROLE_BEAT" | "ASSET_ROLE_REFERENCE";

export const ROLES: readonly { value: Role; label: string; hint: string }[] = [
  { value: "ASSET_ROLE_VOCALS", label: "Vocal", hint: "a voice: lead, double, harmony" },
  { value: "ASSET_ROLE_BEAT", label: "Beat", hint: "the backing, or one stem of it" },
  { value: "ASSET_ROLE_REFERENCE", label: "Reference", hint: "a finished song to come close to" },
];

export const label = (role: Schemas["AssetRole"] | undefined): string =>
  ROLES.find((one) => one.value === role)?.label ?? "Audio";

const VOCALS =
  /(^|[^a-z])(vox|voc|vocals?|voices?|lead ?vo|bgv(ox)?|bvs?|acap+el+a|a ?cappella|sing(er|ing)?|choir|harmon(y|ies)|adlibs?|rap|verse|hook|chorus|dou?ble|stimme|gesang|voix|chant|voz|voce)([^a-z]|$)/;
const REFERENCE = /(^|[^a-z])(ref|refs|reference|master(ed)?|referenz)([^a-z]|$)/;

/** What a file most likely is, by its name. */
export function guess(filename: string): Role {
  const name = filename.toLowerCase().replace(/[_.]/g, " ");
  if (REFERENCE.test(name)) return "ASSET_ROLE_REFERENCE";
  return VOCALS.test(name) ? "ASSET_ROLE_VOCALS" : "ASSET_ROLE_BEAT";
}
