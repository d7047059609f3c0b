/**
 * Every request to the API. An answer that is not 2xx is thrown as `Problem` (RFC 9457); being logged out is told to the session,
 * a server that cannot be reached is a Problem with status 0.
 */

export class Problem extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly body: Record<string, unknown> = {},
    readonly retryAfter = 0,
  ) {
    super(message);
  }
}

type Value = string | number | boolean | undefined | null;
export type Query = Record<string, Value | readonly (string | number)[]>;

let onLoggedOut = () => {};

/** Called whenever the server answers 401. */
export function whenLoggedOut(call: () => void): void {
  onLoggedOut = call;
}

/** `/api/…?a=1&b=x,y`; what is undefined, null or empty is left out. */
export function address(path: string, query: Query = {}): string {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    const text = Array.isArray(value) ? value.join(",") : value;
    if (text !== undefined && text !== null && text !== "") asked.set(name, String(text));
  }
  const told = asked.toString();
  return told ? `${path}?${told}` : path;
}

/** A websocket address of this server. */
export function socketAddress(path: string, query: Query = {}): string {
  return address(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`, query);
}

export async function ask(method: string, path: string, init: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, { method, credentials: "same-origin", ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(0, "Redshank cannot be reached. Is it running, and are you on its network?");
  }
  if (answer.ok) return answer;
  if (answer.status === 401) onLoggedOut();
  const body = (await answer.json().catch(() => ({}))) as Record<string, unknown>;
  throw new Problem(
    answer.status,
    String(body.detail ?? body.title ?? `The server answered ${answer.status}.`),
    body,
    Number(answer.headers.get("retry-after") ?? 0),
  );
}

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const answer = await ask("GET", address(path, query), signal ? { signal } : {});
  return (await answer.json()) as T;
}

export async function send<T = void>(method: "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T> {
  const init: RequestInit =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const answer = await ask(method, path, init);
  return (answer.headers.get("content-type")?.includes("json") ? await answer.json() : undefined) as T;
}
