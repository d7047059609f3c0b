/** Parts of a `multipart/x-mixed-replace` body whose parts say their length (RFC 2046 §5.1). Pure. */

export interface Part {
  headers: Headers;
  body: Uint8Array<ArrayBuffer>;
}

const MOST_HEAD = 4096;
const MOST_BODY = 32 << 20;

export class Multipart {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array();

  /** The parts that are complete with this. Throws RangeError on what is no such body. */
  add(more: Uint8Array): Part[] {
    const bytes = new Uint8Array(this.#bytes.length + more.length);
    bytes.set(this.#bytes);
    bytes.set(more, this.#bytes.length);
    this.#bytes = bytes;
    const parts: Part[] = [];
    for (let part = this.#take(); part; part = this.#take()) parts.push(part);
    return parts;
  }

  #take(): Part | undefined {
    const end = blankLine(this.#bytes);
    if (end < 0) {
      if (this.#bytes.length > MOST_HEAD) throw new RangeError("no end of a part's head");
      return undefined;
    }
    const lines = new TextDecoder("latin1").decode(this.#bytes.subarray(0, end)).split("\r\n");
    const headers = new Headers();
    for (const line of lines) {
      const colon = line.indexOf(":");
      if (colon > 0) headers.set(line.slice(0, colon), line.slice(colon + 1).trim());
    }
    const length = Number(headers.get("content-length") ?? Number.NaN);
    if (!(length >= 0 && length <= MOST_BODY)) throw new RangeError("a part does not say its length");
    const from = end + 4;
    if (this.#bytes.length < from + length) return undefined;
    const body = this.#bytes.slice(from, from + length);
    this.#bytes = this.#bytes.slice(from + length);
    return { headers, body };
  }
}

/** Where CR LF CR LF begins after something that is not blank; -1: nowhere yet. */
function blankLine(bytes: Uint8Array): number {
  const from = bytes.findIndex((byte) => byte !== 13 && byte !== 10);
  for (let at = Math.max(0, from); from >= 0 && at + 3 < bytes.length && at < MOST_HEAD; at++)
    if (bytes[at] === 13 && bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at;
  return -1;
}
