import { hide, primordials } from "@codemode/proto/values";

const { create, freeze, promiseThen } = primordials;

/** Asks the app for the next items of a stream, or tells it that no more are wanted. */
export type AskNext = (end: boolean) => Promise<unknown>;

interface Batch {
  readonly items: readonly unknown[];
  readonly done: boolean;
}

/** What a tool or agent has returned item by item: `for await (const item of stream)`. Read once, by whoever asks. */
export function createItemStream(name: string, ask: AskNext): object {
  let items: readonly unknown[] = [];
  let at = 0;
  let isOver = false;
  let turn: Promise<unknown> = new primordials.Promise((resolve) => resolve(undefined));
  const over = (value?: unknown): object => ({ done: true, value });
  /** One after the other, also when the program does not wait. */
  const inTurn = (step: () => unknown): Promise<unknown> => (turn = promiseThen(turn, step, step));
  const read = (): unknown => {
    if (at < items.length) return { done: false, value: items[at++] };
    if (isOver) return over();
    return promiseThen(
      ask(false),
      (answer: unknown) => {
        if (isOver) return over(); // it was left meanwhile
        const batch = answer as Batch;
        items = batch.items;
        at = 0;
        isOver = batch.done;
        return read();
      },
      (error: unknown) => {
        isOver = true;
        throw error;
      },
    );
  };
  /** At once, whoever still waits for an item: it gets none. */
  const leave = (value: unknown): Promise<unknown> => {
    const wasOver = isOver;
    isOver = true;
    items = [];
    return wasOver ? inTurn(() => over(value)) : promiseThen(ask(true), () => over(value));
  };
  const stream = create(prototype) as object;
  hide(
    stream,
    "next",
    freeze(() => inTurn(read)),
  );
  hide(
    stream,
    "return",
    freeze((value: unknown) => leave(value)),
  );
  hide(
    stream,
    primordials.asyncIterator,
    freeze(() => stream),
  );
  hide(stream, primordials.toStringTag, `stream of ${name}`);
  return freeze(stream);
}

/** Of its own, so that a stream is no plain object: it cannot be returned, or passed on. */
const prototype: object = freeze(create(null) as object);

/**
 * `for await (const item of tools.x())`, with no `await` of the answer itself: of a stream, its items; of a list, what is in
 * it, as the language does for any that is not asynchronous.
 */
export function createAsyncIterator(answer: unknown): object {
  let inner: Iterating | undefined;
  const begin = (value: unknown): Iterating => (inner ??= iteratorOf(value));
  const step = (method: "next" | "return", value: unknown): unknown =>
    promiseThen(answer, (given: unknown) => {
      const iterator = begin(given);
      const act = iterator[method];
      if (act) return primordials.apply(act, iterator, [value]);
      return { done: true, value };
    });
  return {
    __proto__: null,
    next: (value: unknown) => step("next", value),
    return: (value: unknown) => step("return", value),
  };
}

interface Iterating {
  readonly next: (value: unknown) => unknown;
  readonly return?: (value: unknown) => unknown;
}

function iteratorOf(value: unknown): Iterating {
  const iterable = value as Record<symbol, (() => Iterating) | undefined>;
  const make = iterable?.[primordials.asyncIterator] ?? iterable?.[primordials.iterator];
  if (!make)
    throw new primordials.TypeError("The answer is no stream and no list: `for await` has nothing to go through");
  return primordials.apply(make, value, []);
}
