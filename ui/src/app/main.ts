// The start of the page: theme before anything is drawn, then the router, then the app.
import { mount } from "svelte";
import App from "./App.svelte";
import "./fonts.css";
import "./tokens.css";
import "./base.css";
import { startRouter } from "./router.svelte";
import { startTheme } from "./theme.svelte";

startTheme();
startRouter();
mount(App, { target: document.body });
