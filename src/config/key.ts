/** How one key's text becomes a value; `undefined` means "not that", and `expected` says what would be. */
export interface Key<T> {
  readonly expected: string;
  readonly parse: (text: string) => T | undefined;
}

export const integer = (low: number, high: number): Key<number> => ({
  expected: `a whole number from ${low} to ${high}`,
  parse: (text) => (/^\d{1,10}$/.test(text) && Number(text) >= low && Number(text) <= high ? Number(text) : undefined),
});

export const oneOf = <T extends string>(...words: T[]): Key<T> => ({
  expected: words.join(' or '),
  parse: (text) => words.find((word) => word === text),
});

export const yesNo: Key<boolean> = {
  expected: 'yes or no',
  parse: (text) => (text === 'yes' ? true : text === 'no' ? false : undefined),
};

export const words = (text: string) => text.split(/[\s,]+/);
