// Measures each page in a frame of each width, folded and unfolded, and leaves what it saw in the title.
"use strict";

const measured = [];

// A policy keeps a page from asking; without it what it would ask for is seen.
const withoutPolicy = (text) => text.replace(/<meta http-equiv="?Content-Security-Policy[^>]*>/i, "");

const tooWide = (root) => {
  const edge = root.clientWidth;
  const wider = root.scrollWidth > edge ? [`the page: ${root.scrollWidth}`] : [];
  for (const element of root.querySelectorAll("body *")) {
    const box = element.getBoundingClientRect();
    // What scrolls by itself is no wider than its own edge.
    const scrolls = element.closest("pre");
    if (!scrolls && box.width > 0 && box.right > edge + 1) {
      wider.push(`${element.tagName} ${element.className.baseVal ?? element.className}: ${box.right}`);
    }
  }
  return wider;
};

const frames = pages.flatMap(([name, text]) => widths.map((width) => {
  const frame = (srcdoc) => {
    const element = document.createElement("iframe");
    element.style.cssText = `width:${width}px;height:1200px;border:0`;
    element.srcdoc = srcdoc;
    return element;
  };
  return { name, width, page: frame(text), open: frame(withoutPolicy(text)) };
}));

addEventListener("DOMContentLoaded", () => {
  for (const { page, open } of frames) document.body.append(page, open);
});

addEventListener("load", () => {
  for (const { name, width, page, open } of frames) {
    const root = page.contentDocument.documentElement;
    const wider = tooWide(root);
    for (const details of root.querySelectorAll("details")) details.open = true;
    wider.push(...tooWide(root));
    const requests = open.contentWindow.performance.getEntriesByType("resource").map((entry) => entry.name);
    const scheme = page.contentWindow.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    measured.push({ name, width, frame: root.clientWidth, height: root.scrollHeight, scheme, wider: wider.slice(0, 9), requests });
  }
  document.title = JSON.stringify(measured);
});
