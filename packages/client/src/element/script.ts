/** `orbit-image.js`: one file that defines `<orbit-image>`, and tells it of purges by `subscribeToThread`. */
import { defineOrbitImage } from "./index.js";

export { subscribeToThread } from "../thread.js";

defineOrbitImage();
