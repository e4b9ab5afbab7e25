import { mount } from "svelte";
import App from "./App.svelte";
import { begin } from "./lib/session.svelte";
import "./style.css";

const target = document.getElementById("app");
if (!target) throw new Error("the page has no place for the studio");
void begin().finally(() => mount(App, { target }));
