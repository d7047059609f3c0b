/** An answer of one JSON object a line (NDJSON), told line by line as it comes. */

export async function lines<T>(answer: Response, hear: (line: T) => void): Promise<void> {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    const whole = (rest + (value ?? "")).split("\n");
    rest = whole.pop() ?? "";
    for (const line of whole) if (line) hear(JSON.parse(line) as T);
    if (done) return;
  }
}
