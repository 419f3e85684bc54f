// Draws the Mermaid drawings at their natural size: a wide one scrolls, and its text stays readable.
const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => location.reload());
mermaid.initialize({
  startOnLoad: false,
  theme: dark.matches ? "dark" : "neutral",
  flowchart: { useMaxWidth: false },
});
mermaid.run({ querySelector: ".drawing" });
