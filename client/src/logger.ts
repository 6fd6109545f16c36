/** Where the client tells what it does. A pino logger fits. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** From loud to silent: a logger hears its own level and those after it. */
const LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

/** `logger` from `level` on. Without a logger nothing is told. */
export function leveled(logger: Logger | undefined, level: (typeof LEVELS)[number]): Logger {
  const from = LEVELS.indexOf(level);
  const at = (name: Exclude<(typeof LEVELS)[number], "silent">) =>
    logger && LEVELS.indexOf(name) >= from
      ? (fields: object, message: string) => logger[name](fields, message)
      : () => {};
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** `logger` that adds `fields` to whatever it is told. */
export function withFields(logger: Logger, fields: object): Logger {
  return {
    debug: (more, message) => logger.debug({ ...fields, ...more }, message),
    info: (more, message) => logger.info({ ...fields, ...more }, message),
    warn: (more, message) => logger.warn({ ...fields, ...more }, message),
    error: (more, message) => logger.error({ ...fields, ...more }, message),
  };
}
