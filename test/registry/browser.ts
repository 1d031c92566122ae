import { mkdtemp, rm } from "node:fs/promises";

/** How a page is looked at. */
export interface Look {
  width: number;
  height: number;
  scheme: "light" | "dark";
}

export const desktop: Look = { width: 1100, height: 800, scheme: "light" };
export const dark: Look = { ...desktop, scheme: "dark" };
export const phone: Look = { width: 360, height: 740, scheme: "light" };

interface Answer {
  id?: number;
  method?: string;
  params?: unknown;
  result?: Record<string, unknown>;
  error?: { message: string };
}

/** One page of a headless Chromium, driven over the DevTools protocol. */
export class Browser implements AsyncDisposable {
  readonly #child: Bun.Subprocess;
  readonly #folder: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<
    number,
    { resolve(value: Record<string, unknown>): void; reject(error: Error): void }
  >();
  readonly #events = new Map<string, () => void>();
  /** What the page's console said of errors. */
  readonly errors: string[] = [];
  #id = 0;
  #session = "";

  private constructor(child: Bun.Subprocess, folder: string, socket: WebSocket) {
    this.#child = child;
    this.#folder = folder;
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#take(JSON.parse(String(data)) as Answer));
  }

  static async start(): Promise<Browser> {
    const folder = await mkdtemp("/tmp/registry-browser-");
    const child = Bun.spawn(
      [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--remote-debugging-port=0",
        `--user-data-dir=${folder}`,
        "about:blank",
      ],
      { stdout: "ignore", stderr: "pipe", env: { ...process.env, HOME: folder } },
    );
    const url = await listening(child.stderr);
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", reject);
    });
    const browser = new Browser(child, folder, socket);
    const { targetId } = await browser.#send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await browser.#send("Target.attachToTarget", { targetId, flatten: true });
    browser.#session = String(sessionId);
    for (const domain of ["Page", "Runtime", "Log"]) await browser.#send(`${domain}.enable`);
    return browser;
  }

  #take({ id, method, params, result, error }: Answer): void {
    if (id !== undefined) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) waiting?.reject(new Error(error.message));
      else waiting?.resolve(result ?? {});
      return;
    }
    const told = JSON.stringify(params ?? {});
    // Of the log, advice of the browser is no error.
    if (
      method === "Runtime.exceptionThrown" ||
      (method === "Log.entryAdded" && told.includes('"level":"error"'))
    ) {
      this.errors.push(told);
    }
    // A question of the page (`confirm`) is answered with yes.
    if (method === "Page.javascriptDialogOpening")
      void this.#send("Page.handleJavaScriptDialog", { accept: true });
    if (method !== undefined) this.#events.get(method)?.();
  }

  #send(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const id = ++this.#id;
    const session = this.#session === "" ? {} : { sessionId: this.#session };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params, ...session }));
    });
  }

  async look({ width, height, scheme }: Look): Promise<void> {
    await this.#send("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: width < 500,
    });
    await this.#send("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: scheme }],
    });
  }

  /** Does something that leads to another page, and waits for that. */
  async #leaving(act: () => Promise<unknown>): Promise<void> {
    const loaded = new Promise<void>((resolve) => this.#events.set("Page.loadEventFired", resolve));
    await act();
    await loaded;
  }

  open(url: string): Promise<void> {
    return this.#leaving(() => this.#send("Page.navigate", { url }));
  }

  /** The value of an expression in the page. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#send("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    return (result as { value: T }).value;
  }

  text(): Promise<string> {
    return this.evaluate("document.body.innerText");
  }

  path(): Promise<string> {
    return this.evaluate("location.pathname + location.search");
  }

  /** Types into a field as a person does, by keys. */
  async type(selector: string, text: string): Promise<void> {
    await this.evaluate(
      `(() => { const field = document.querySelector(${JSON.stringify(selector)}); field.focus(); field.select?.(); })()`,
    );
    await this.#send("Input.insertText", { text });
  }

  /** Clicks something that leads to another page: a link or a form's button. */
  follow(selector: string): Promise<void> {
    return this.#leaving(() => this.click(selector));
  }

  click(selector: string): Promise<unknown> {
    return this.evaluate(`document.querySelector(${JSON.stringify(selector)}).click()`);
  }

  /** Presses a key where the focus is; Enter sends a form. */
  async press(key: "Tab" | "Enter"): Promise<void> {
    const code = key === "Tab" ? 9 : 13;
    const common = { key, code: key, windowsVirtualKeyCode: code, ...(key === "Enter" && { text: "\r" }) };
    await this.#send("Input.dispatchKeyEvent", { type: "keyDown", ...common });
    await this.#send("Input.dispatchKeyEvent", { type: "keyUp", ...common });
  }

  pressToLeave(key: "Enter"): Promise<void> {
    return this.#leaving(() => this.press(key));
  }

  /** True when nothing sticks out of the page's width. */
  async fits(): Promise<boolean> {
    return this.evaluate("document.documentElement.scrollWidth <= window.innerWidth");
  }

  async screenshot(path: string): Promise<void> {
    const { data } = await this.#send("Page.captureScreenshot", { format: "png" });
    await Bun.write(path, Buffer.from(String(data), "base64"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session = "";
    await Promise.race([this.#send("Browser.close"), this.#child.exited]);
    await this.#child.exited;
    this.#socket.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The address that Chromium tells. Its log is read on: a closed pipe would disturb it. */
function listening(log: ReadableStream<Uint8Array>): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const decoder = new TextDecoder();
    const take = new WritableStream<Uint8Array>({
      write(piece) {
        if (text.length > 100_000) return;
        text += decoder.decode(piece);
        const url = /ws:\/\/\S+/.exec(text)?.[0];
        if (url) resolve(url);
      },
    });
    log.pipeTo(take).then(() => reject(new Error(`chromium did not start: ${text}`)), reject);
  });
}
