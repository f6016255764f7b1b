/** The vocabulary: types only (README, "Glossary"). Nothing here imports anything from elsewhere. */

export type * from './model/configuration.ts';
export type * from './model/objects.ts';
export type * from './model/lines.ts';
export type * from './model/findings.ts';

/** While it is being made: members that may be absent are added one by one, for a spread of each takes ten times as long. */
export type Draft<T> = { -readonly [K in keyof T]: T[K] };
