import type { ReactNode } from "react";
import "../../../../examples/next/styles/ground.css";
import "../../../../examples/next/styles/board.css";

export const metadata = { title: "Twelve pictures", description: "One page, three ways to its pictures." };

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
