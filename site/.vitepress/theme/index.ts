// Without the fonts that come with the theme: those of the system are there already.
import DefaultTheme from "vitepress/theme-without-fonts";
import "./style.css";

export default DefaultTheme;
