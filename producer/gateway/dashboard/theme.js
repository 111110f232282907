// SPDX-License-Identifier: Apache-2.0
//
// theme: what the reader chose last is set before anything is drawn. The only script that is no module.
document.documentElement.dataset.theme = localStorage.getItem("reeve.theme") || "auto";
