// The small build of hls.js comes without types of its own; they are those of the whole.
declare module "hls.js/light" {
  export * from "hls.js";
  export { default } from "hls.js";
}
