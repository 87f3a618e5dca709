/**
 * orbit-images/element: `<orbit-image>`, for apps without React. What to show is worked out in `view.ts`;
 * here are the elements in a shadow root, their loading, and what happens when it fails.
 *
 * The attributes are those of `<img>` and of `<OrbitImage>`: src, alt, width, height, sizes; placeholder
 * (a ThumbHash or a data: URL), color, thumbnail (a width, or "false"), quality, format, origins (with
 * spaces between), base; priority, lazy ("false" or a margin), fit, retries, created-at. The attribute `state` tells
 * how far it has come, and the event `orbit-state` when that changes.
 */
import { onPurge } from "../purge.js";
import { type ImageState, retryDelay, type View, viewOf, wasPurged } from "../view.js";

/** What `<orbit-image>` is to scripts. */
export interface OrbitImageElement extends HTMLElement {
  readonly state: ImageState;
  /** Loads the image once more. */
  retry(): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "orbit-image": OrbitImageElement;
  }
}

const STYLE = `
:host { display: block; position: relative; overflow: hidden; width: 100%; }
:host([hidden]) { display: none; }
img, button { position: absolute; inset: 0; width: 100%; height: 100%; }
img { object-fit: var(--orbit-fit, cover); }
button { border: 0; background: none; color: inherit; font: inherit; cursor: pointer; }`;

const WATCHED = [
  "src",
  "alt",
  "width",
  "height",
  "sizes",
  "placeholder",
  "color",
  "thumbnail",
  "quality",
  "format",
  "origins",
  "base",
  "priority",
  "lazy",
  "fit",
  "created-at",
];

/** Defines the element; once more changes nothing. */
export function defineOrbitImage(name = "orbit-image"): void {
  if (typeof customElements === "undefined" || customElements.get(name)) return;
  customElements.define(name, makeClass());
}

// Inside of a function, for a server has no HTMLElement to extend.
function makeClass(): CustomElementConstructor {
  // No `<style>`, so that a strict content security policy has nothing to say.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  return class extends HTMLElement implements OrbitImageElement {
    static readonly observedAttributes = WATCHED;
    readonly #root = this.attachShadow({ mode: "open" });
    #state: ImageState = "placeholder";
    #failures = 0;
    #near = false;
    #drawing = false;
    /** Ends what goes on while the element is in a page. */
    #life = new AbortController();

    get state(): ImageState {
      return this.#state;
    }

    connectedCallback(): void {
      this.#root.adoptedStyleSheets = [sheet];
      this.#life = new AbortController();
      const { signal } = this.#life;
      const forget = onPurge((id, at) => {
        const created = this.getAttribute("created-at") ?? undefined;
        if (id === this.#view().id && wasPurged(created, at)) this.#become("gone");
      });
      signal.addEventListener("abort", forget);
      window.addEventListener("online", () => this.#state === "error" && this.retry(), { signal });
      this.#watch(signal);
      this.#draw();
    }

    disconnectedCallback(): void {
      this.#life.abort();
    }

    attributeChangedCallback(name: string): void {
      if (!this.isConnected) return;
      if (name === "src") this.#failures = 0;
      // Several attributes of one moment make one drawing.
      if (this.#drawing) return;
      this.#drawing = true;
      queueMicrotask(() => {
        this.#drawing = false;
        this.#draw();
      });
    }

    retry(): void {
      if (this.#state !== "gone") this.#draw();
    }

    #view(): View {
      const text = (name: string): string | undefined => this.getAttribute(name) ?? undefined;
      const number = (name: string): number | undefined => Number(text(name)) || undefined;
      const quality = text("quality");
      return viewOf({
        src: text("src") ?? "",
        width: number("width"),
        height: number("height"),
        sizes: text("sizes"),
        placeholder: text("placeholder"),
        color: text("color"),
        thumbnail: text("thumbnail") === "false" ? false : number("thumbnail"),
        quality: quality === "auto" ? quality : number("quality"),
        format: text("format") as "webp" | undefined,
        origins: text("origins")?.split(/\s+/),
        base: text("base"),
      });
    }

    #watch(signal: AbortSignal): void {
      const margin = this.getAttribute("lazy") ?? "";
      this.#near = !/\d/.test(margin) || this.hasAttribute("priority");
      if (this.#near) return;
      const observer = new IntersectionObserver(
        (entries) => {
          if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
          observer.disconnect();
          this.#near = true;
          this.#draw();
        },
        { rootMargin: margin },
      );
      observer.observe(this);
      signal.addEventListener("abort", () => observer.disconnect());
    }

    /** Makes the elements anew. */
    #draw(): void {
      const view = this.#view();
      this.style.aspectRatio = view.aspectRatio ?? "";
      this.style.setProperty("--orbit-fit", this.getAttribute("fit") ?? "cover");
      this.style.background = view.backgroundColor ?? "";
      this.style.backgroundImage = view.backgroundImage ?? "";
      this.style.backgroundSize = "cover";
      this.#root.replaceChildren();
      this.#become("placeholder");
      if (!this.#near || !view.src) return;
      if (view.thumbnail) {
        const thumbnail = this.#add({ ...view, src: view.thumbnail, srcSet: undefined }, "");
        thumbnail.onload = () => this.#state === "placeholder" && this.#become("thumbnail");
        thumbnail.onerror = () => thumbnail.remove();
      }
      const image = this.#add(view, this.getAttribute("alt") ?? "");
      image.onload = () => this.#finish(image);
      image.onerror = () => this.#fail(image);
    }

    #add(view: View, alt: string): HTMLImageElement {
      const image = document.createElement("img");
      const priority = this.hasAttribute("priority");
      // A margin has been waited for already.
      const lazy = !priority && ["", "true"].includes(this.getAttribute("lazy") ?? "");
      image.loading = lazy ? "lazy" : "eager";
      image.fetchPriority = priority && alt ? "high" : "auto";
      image.decoding = "async";
      image.alt = alt;
      if (!alt) image.ariaHidden = "true";
      if (view.srcSet) {
        image.sizes = view.sizes ?? "";
        image.srcset = view.srcSet;
      }
      image.src = view.src;
      this.#root.append(image);
      return image;
    }

    /** The layers below go only when this one can be painted. */
    async #finish(image: HTMLImageElement): Promise<void> {
      await image.decode().catch(() => {});
      if (!image.isConnected) return;
      this.#failures = 0;
      this.style.background = "";
      for (const other of this.#root.querySelectorAll("img")) if (other !== image) other.remove();
      this.#become("loaded");
    }

    #fail(image: HTMLImageElement): void {
      const retries = Number(this.getAttribute("retries") ?? 2);
      this.#failures += 1;
      if (this.#failures > retries) {
        image.remove();
        this.#become("error");
        return;
      }
      const timer = setTimeout(
        () => image.isConnected && this.#draw(),
        retryDelay(this.#failures - 1),
      );
      this.#life.signal.addEventListener("abort", () => clearTimeout(timer));
    }

    #become(state: ImageState): void {
      if (state === "error") this.#offerRetry();
      if (state === "gone") {
        for (const image of this.#root.querySelectorAll("img")) image.remove();
        this.style.background = "";
      }
      const changed = state !== this.#state;
      this.#state = state;
      this.setAttribute("state", state);
      if (changed)
        this.dispatchEvent(new CustomEvent("orbit-state", { detail: state, bubbles: true }));
    }

    #offerRetry(): void {
      const button = document.createElement("button");
      const alt = this.getAttribute("alt");
      button.textContent = "Try again";
      button.ariaLabel = alt ? `${alt}: could not be loaded. Try again` : "Try again";
      button.onclick = () => this.retry();
      this.#root.append(button);
    }
  };
}
