// Buttons that copy the text of another element; where the clipboard is closed the text is selected.

export function listen(root, say) {
  for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
  root.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent);
      say(button);
    } catch {
      choose(source);
    }
  });
}

function choose(source) {
  if (source.select) {
    source.focus();
    source.select();
  } else {
    getSelection().selectAllChildren(source);
  }
}

/** Write a word on the button for a moment, and tell it to those who do not see it. */
export function sayOnButton(word, status) {
  return (button) => {
    const before = button.dataset.word ?? button.textContent;
    button.dataset.word = before;
    button.textContent = word;
    status.textContent = word;
    setTimeout(() => {
      button.textContent = before;
      status.textContent = "";
    }, 1500);
  };
}
