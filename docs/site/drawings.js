// Draws the Mermaid drawings in the width of the page. A button shows a wide one in full size.
const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => location.reload());

const FIT = "Fit to the page";
const FULL = "Full size";

function addButton(drawing) {
  const svg = drawing.querySelector("svg");
  const width = svg.viewBox.baseVal.width;
  if (width <= drawing.clientWidth) return;
  const button = document.createElement("button");
  button.className = "md-button";
  button.textContent = FULL;
  button.addEventListener("click", () => {
    const full = drawing.classList.toggle("full");
    svg.style.width = full ? `${width}px` : "";
    button.textContent = full ? FIT : FULL;
  });
  drawing.after(button);
}

mermaid.initialize({
  startOnLoad: false,
  theme: dark.matches ? "dark" : "neutral",
  themeVariables: dark.matches ? { edgeLabelBackground: "#222" } : {},
});
mermaid
  .run({ querySelector: ".drawing" })
  .then(() => document.querySelectorAll(".drawing").forEach(addButton));
