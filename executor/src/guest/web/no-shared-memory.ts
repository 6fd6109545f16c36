/** Stands in for the class that the realm does not have, where a library asks for its getters to tell it by them. */
export class SharedArrayBuffer {
  get byteLength(): never {
    throw new TypeError("There is no shared memory");
  }

  get growable(): never {
    throw new TypeError("There is no shared memory");
  }
}
