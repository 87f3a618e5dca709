"use client";
/**
 * `<OrbitImage>`: an image with its placeholder, its thumbnail, its errors, and no layout shift. What to
 * show is worked out in `view.ts`; here are the elements, their loading, and what happens when it fails.
 *
 * 1. The frame has the image's shape and its placeholder from the first byte of the page on.
 * 2. Thumbnail and image lie over it, and paint when they come. Nothing waits for scripts, unless `lazy`
 *    is a margin of your own.
 * 3. A failure is tried again, later and later; then the error is shown, with a way to try once more.
 */
import type {
  CSSProperties,
  HTMLAttributes,
  ImgHTMLAttributes,
  ReactElement,
  ReactNode,
  Ref,
  SyntheticEvent,
} from "react";
import type { EventImage } from "../types.js";
import { type ImageState, type View, type ViewOptions, viewOf } from "../view.js";
import { useEarly, useLife, useNear } from "./life.js";

/** What is known of an image; metadata and what events carry have all of it. */
export type ImageLike = Pick<EventImage, "url" | "width" | "height"> &
  Partial<Pick<EventImage, "placeholder" | "created_at">>;

type FrameAttributes = Omit<
  HTMLAttributes<HTMLSpanElement>,
  "children" | "onLoad" | "onError" | "placeholder"
>;

/** Of the image either `image`, or `src` with `width` and `height`. */
export interface OrbitImageProps
  extends FrameAttributes,
    Partial<Omit<ViewOptions, "src">>,
    Pick<ImgHTMLAttributes<HTMLImageElement>, "decoding" | "draggable" | "crossOrigin"> {
  image?: ImageLike;
  src?: string;
  /** What those hear who do not see the image; empty for decoration. */
  alt: string;
  /** Loads at once and before others: for what is seen first. */
  priority?: boolean;
  /** True: the browser decides when; a margin as in CSS: when it comes so near; false: at once. */
  lazy?: boolean | string;
  fit?: "cover" | "contain";
  /** How often a failure is tried again by itself. Default: 2. */
  retries?: number;
  onState?: (state: ImageState) => void;
  onLoad?: (event: SyntheticEvent<HTMLImageElement>) => void;
  /** In the place of the button that tries again. */
  renderError?: (retry: () => void) => ReactNode;
  /** In the place of an image that was purged. */
  renderGone?: () => ReactNode;
  imgRef?: Ref<HTMLImageElement>;
}

const LAYER: CSSProperties = { position: "absolute", inset: 0, width: "100%", height: "100%" };

/** Shows an image of Orbit. */
export function OrbitImage(props: OrbitImageProps): ReactElement {
  const view = viewOf({
    ...props,
    src: props.image?.url ?? props.src ?? "",
    width: props.image?.width ?? props.width,
    height: props.image?.height ?? props.height,
    placeholder: props.placeholder === undefined ? props.image?.placeholder : props.placeholder,
  });
  // Another image is another life.
  return <Frame key={view.src} {...props} view={view} />;
}

function Frame({ view, ...props }: OrbitImageProps & { view: View }): ReactElement {
  const { image, src, alt, priority, lazy = true, fit = "cover", retries = 2, ...others } = props;
  const { onState, onLoad, renderError, renderGone, imgRef, ...more } = others;
  const { decoding = "async", draggable, crossOrigin, style, className, ...rest } = more;
  const { width, height, placeholder, color, sizes, quality, format, thumbnail, ...kept } = rest;
  const { origins, base, ...attributes } = kept;

  const margin = typeof lazy === "string" && !priority ? lazy : null;
  const [frame, near] = useNear(margin);
  const life = useLife(view.id, image?.created_at, retries, onState);
  const early = useEarly(life, imgRef);
  const { state, retry } = life;
  const loading = priority || !lazy || margin !== null ? "eager" : "lazy";
  const shared = {
    decoding,
    loading,
    draggable,
    crossOrigin,
    style: { ...LAYER, objectFit: fit },
  } as const;
  return (
    <span
      {...attributes}
      ref={frame}
      className={`orbit-image${className ? ` ${className}` : ""}`}
      data-state={state}
      // A ThumbHash's cosines may be rounded otherwise by another engine.
      suppressHydrationWarning
      style={{ ...frameStyle(view, state, fit), ...style }}
    >
      {near && view.thumbnail && (state === "placeholder" || state === "thumbnail") && (
        <img
          key="thumbnail"
          {...shared}
          src={view.thumbnail}
          alt=""
          aria-hidden="true"
          onLoad={life.onThumbnail}
        />
      )}
      {near && state !== "error" && state !== "gone" && (
        <img
          key={life.attempt}
          {...shared}
          ref={early}
          alt={alt}
          fetchPriority={priority ? "high" : "auto"}
          sizes={view.sizes}
          srcSet={view.srcSet}
          src={view.src}
          onLoad={(event) => {
            life.onLoad(event.currentTarget);
            onLoad?.(event);
          }}
          onError={life.onError}
        />
      )}
      {state === "error" && (renderError ? renderError(retry) : <Retry alt={alt} retry={retry} />)}
      {state === "gone" && renderGone?.()}
    </span>
  );
}

function frameStyle(view: View, state: ImageState, fit: "cover" | "contain"): CSSProperties {
  const shape: CSSProperties = {
    position: "relative",
    display: "block",
    overflow: "hidden",
    width: "100%",
    aspectRatio: view.aspectRatio,
  };
  // What can be seen through must not show what was there before it.
  if (state === "loaded" || state === "gone") return shape;
  return {
    ...shape,
    backgroundColor: view.backgroundColor,
    backgroundImage: view.backgroundImage,
    backgroundSize: fit === "cover" ? "cover" : "contain",
    backgroundPosition: "center",
    backgroundRepeat: "no-repeat",
  };
}

function Retry({ alt, retry }: { alt: string; retry: () => void }): ReactElement {
  return (
    <button
      type="button"
      className="orbit-image-retry"
      aria-label={alt ? `${alt}: could not be loaded. Try again` : "Try again"}
      onClick={retry}
      style={{
        ...LAYER,
        border: 0,
        background: "none",
        color: "inherit",
        font: "inherit",
        cursor: "pointer",
      }}
    >
      Try again
    </button>
  );
}
