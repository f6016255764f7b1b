import { linkTable } from './desired/numbers.ts';
import { explain } from './errors.ts';
import { RefusedError } from './kernel/kernel.ts';
import type { Config, Op } from './model.ts';

/** A device that vanishes between looking and acting makes the kernel refuse: look again. Bounded, for a refusal that stays. */
const ATTEMPTS = 4;

/**
 * What the kernel has refused. A device may have vanished since we looked: so look again. What it refuses twice will not
 * be taken a third time: if that is one link's, the others go on without it.
 */
export class Refusals {
  readonly links = new Map<string, string>();
  readonly #config: Config;
  #attempts = 0;
  #last = '';
  #grew = false;

  constructor(config: Config) {
    this.#config = config;
  }

  /** False: nothing is left to try. */
  note(error: unknown): boolean {
    const message = explain(error);
    const link = error instanceof RefusedError ? linkOf(this.#config, error.refused) : undefined;
    this.#grew = link !== undefined && message === this.#last && !this.links.has(link);
    if (this.#grew && link !== undefined) {
      this.links.set(link, `the kernel refuses it: ${message}`);
      this.#attempts = 0;
    }
    this.#last = message;
    this.#attempts += 1;
    return this.#attempts < ATTEMPTS;
  }

  /** Has the last refusal cost a link? */
  isNew(): boolean {
    return this.#grew;
  }
}

/** The link that an operation is for, if it is for one alone. */
function linkOf(config: Config, op: Op | undefined): string | undefined {
  const number = op === undefined ? undefined : numberOf(op);
  return config.links.find((link) => linkTable(config, link) === number)?.name;
}

function numberOf(op: Op): number | undefined {
  switch (op.op) {
    case 'rule-add':
    case 'rule-del':
      return op.rule.table;
    case 'route-replace':
    case 'route-del':
      return op.route.table;
    case 'nexthop-replace':
    case 'nexthop-del':
      return op.nexthop.id;
    default:
      return undefined;
  }
}
