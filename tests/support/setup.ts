import { checkForLeaks } from "./leaks.ts";

checkForLeaks();
