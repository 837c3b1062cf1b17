// The search page without empty words in its address; without a script the server ignores them.

const form = document.getElementById("search-form");
const defaults = { orderby: "time" };

form.addEventListener("formdata", ({ formData }) => {
  for (const name of new Set(formData.keys())) {
    const values = formData.getAll(name).filter((value) => String(value).trim() !== "");
    formData.delete(name);
    const word = values.join(",");
    if (word && defaults[name] !== word) formData.set(name, word);
  }
});
