/** The page begins here. */

import "./lib/ticket";
import { mount } from "svelte";
import App from "./App.svelte";
import "./app.css";

mount(App, { target: document.getElementById("app")! });

// A page that was open while Redshank was renewed asks for parts that are gone: once, it takes the new whole.
const RENEWED = "redshank.renewed";
addEventListener("vite:preloadError", () => {
  if (Date.now() - Number(sessionStorage.getItem(RENEWED)) < 60_000) return;
  sessionStorage.setItem(RENEWED, String(Date.now()));
  location.reload();
});

if ("serviceWorker" in navigator && import.meta.env.PROD) {
  void navigator.serviceWorker.register("/sw.js");
}
