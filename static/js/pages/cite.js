// The page that cites: buttons that copy. Everything else is the server's.

import { listen, sayOnButton } from "../copying.js";

const words = JSON.parse(document.getElementById("page-words").textContent);
listen(document.getElementById("main"), sayOnButton(words.copied, document.getElementById("copied")));
