/** The whole screen, which then stays awake: a wall monitor. */

class FullScreen {
  on = $state(document.fullscreenElement !== null);
  #lock: { release(): Promise<void> } | undefined;

  /** Calls when it begins and ends, until the answer is called. */
  follow(call: () => void): () => void {
    const look = () => {
      this.on = document.fullscreenElement !== null;
      void this.#stayAwake();
      call();
    };
    look();
    document.addEventListener("fullscreenchange", look);
    return () => document.removeEventListener("fullscreenchange", look);
  }

  async toggle(element: Element = document.documentElement): Promise<void> {
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else await element.requestFullscreen();
    } catch {
      // An iPhone has none for pages.
    }
  }

  async #stayAwake(): Promise<void> {
    try {
      if (this.on) this.#lock ??= await navigator.wakeLock?.request("screen");
      else {
        await this.#lock?.release();
        this.#lock = undefined;
      }
    } catch {
      // Without HTTPS, or with little battery, it is not given.
    }
  }
}

export const fullScreen = new FullScreen();
